#include "fetch_options.hpp"

#include <nanobind/stl/string.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string_view>

namespace nb = nanobind;

namespace fanout::python {
namespace {

std::string_view bare_name(const fetch::http_option& row) {
  const std::string_view name = row.long_name();
  return name.substr(std::min<std::size_t>(2, name.size()));
}

const fetch::http_option* find(std::string_view name) {
  for (const auto& row : fetch::http_option_table())
    if (!row.names.empty() && bare_name(row) == name) return &row;
  return nullptr;
}

}  // namespace

fetch::http_options read_http_options(nb::list given) {
  fetch::http_options options;
  std::set<std::string, std::less<>> seen;
  for (const nb::handle pair : given) {
    const auto name = nb::cast<std::string>(pair[0]);
    const auto text = nb::cast<std::string>(pair[1]);
    const auto* const row = find(name);
    if (!row) throw nb::type_error(("there is no option '" + name + "' of a fetch").c_str());
    try {
      row->take(options, text);
    } catch (const std::invalid_argument& refused) {
      throw std::invalid_argument(name + ": " + refused.what());
    }
    seen.insert(name);
  }
  for (const std::string& name : seen) {
    const auto* const row = find(name);
    const std::string_view other =
        row->excludes.substr(std::min(row->excludes.find_first_not_of('-'), row->excludes.size()));
    if (!other.empty() && seen.contains(other))
      throw std::invalid_argument(name + " contradicts " + std::string(other));
    if (!row->refused) continue;
    if (const std::string why = row->refused(options); !why.empty()) throw std::invalid_argument(name + ": " + why);
  }
  return options;
}

void bind_fetch_options(nb::module_& module) {
  module.def("http_option_names", [] {
    nb::dict made;
    for (const auto& row : fetch::http_option_table()) {
      const std::string name(bare_name(row));
      if (!row.names.empty() && !name.empty())
        made[name.c_str()] = nb::make_tuple(!row.value_name.empty(), row.repeated, std::string(row.help));
    }
    return made;
  });
}

}  // namespace fanout::python
