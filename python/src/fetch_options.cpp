#include "fetch_options.hpp"

#include <nanobind/stl/string.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace nb = nanobind;

namespace fanout::python {
namespace {

/// All long names of an option, without dashes: "max-bytes", "max-filesize".
std::vector<std::string_view> long_names(const fetch::http_option& row) {
  std::vector<std::string_view> found;
  std::string_view rest = row.names;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    if (const auto name = rest.substr(0, end); name.starts_with("--")) found.push_back(name.substr(2));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return found;
}

const fetch::http_option* find(std::string_view name) {
  for (const auto& row : fetch::http_option_table()) {
    const auto names = long_names(row);
    if (std::find(names.begin(), names.end(), name) != names.end()) return &row;
  }
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
    seen.emplace(long_names(*row).front());
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
      for (const std::string_view name : long_names(row))
        made[std::string(name).c_str()] = nb::make_tuple(!row.value_name.empty(), row.repeated, std::string(row.help));
    }
    return made;
  });
}

}  // namespace fanout::python
