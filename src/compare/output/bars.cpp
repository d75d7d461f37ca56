#include <fanout/compare/beside_python.hpp>
#include <fanout/compare/detail/text.hpp>

#include "compare/text/json_figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace fanout::detail {
namespace {

namespace json = boost::json;

constexpr std::size_t widest_name = 28;
constexpr std::size_t figures = 22;  // " 1234.56 x 1234.567 s "

bool is_python(const json::object& row) {
  return text_in(row, "engine") == "python";
}

/// "Python 3.11.7 threads:5"
std::string name_of(const json::object& row) {
  std::string shape = printable(text_in(row, "shape"));
  if (!is_python(row)) return shape;
  const json::object& interpreter = object_in(row, "interpreter");
  const json::value* const gil = interpreter.if_contains("gil");
  const bool free = gil && gil->is_bool() && !gil->get_bool();
  return fmt::format("Python {}{} {}", printable(text_in(interpreter, "version")), free ? "t" : "", shape);
}

std::string_view colour_of(const json::object& row, const std::string& best) {
  if (is_python(row)) return "\x1b[33m";
  return text_in(row, "shape") == best ? "\x1b[32m" : "\x1b[36m";
}

/// "Python 3.11.7 fetched with requests 2.28.1 (sync, threads:5, processes:5), asyncio (async:5).", a line for each.
std::string libraries(const json::object& workload, std::size_t columns) {
  struct forms_of {
    std::string library;
    std::string forms;
  };
  std::vector<std::pair<std::string, std::vector<forms_of>>> all;  // in the order of the rows
  for_each_in(workload, "rows", [&](const json::object& row) {
    const std::string library = printable(text_in(object_in(row, "interpreter"), "library"));
    if (library.empty()) return;
    const std::string shape = printable(text_in(row, "shape"));
    std::string interpreter = name_of(row);
    interpreter.resize(interpreter.size() - shape.size() - 1);
    if (all.empty() || all.back().first != interpreter) all.emplace_back(interpreter, std::vector<forms_of>());
    auto& of = all.back().second;
    const auto same = std::ranges::find(of, library, &forms_of::library);
    if (same == of.end())
      of.push_back({library, shape});
    else
      same->forms += ", " + shape;
  });
  std::string text;
  for (const auto& [interpreter, of] : all) {
    std::string line = interpreter + " fetched with ";
    for (const auto& each : of)
      line += fmt::format("{}{} ({})", &each == of.data() ? "" : ", ", each.library, each.forms);
    text += wrap(line + ".", columns, 0) + "\n";
  }
  return text;
}

}  // namespace

std::string render_bars(const json::object& workload, bool colour, std::size_t width) {
  const std::string best = text_in(workload, "best");
  std::size_t name_width = 5;
  double most = 1;
  for_each_in(workload, "rows", [&](const json::object& row) {
    name_width = std::max(name_width, std::min(name_of(row).size(), widest_name));
    most = std::max(most, number_in(row, "speedup").value_or(0));
  });
  const std::size_t columns = std::max(width, name_width + figures + 2);
  const double room = static_cast<double>(columns - name_width - figures - 1);
  std::string text;
  for_each_in(workload, "rows", [&](const json::object& row) {
    const std::string name = name_of(row).substr(0, widest_name);
    const auto speedup = number_in(row, "speedup");
    const auto wall = number_in(row, "wall_s");
    const std::string failure = text_in(row, "error");
    if (!failure.empty() && is_python(row)) {  // the others have said so in their table
      const std::string why = wrap(printable(failure), columns - name_width - 1, name_width + 1);
      text += fmt::format("{:<{}} {}\n", name, name_width, std::string_view(why).substr(name_width + 1));
    }
    if (!failure.empty() || !speedup || !wall) return;
    const auto length = static_cast<std::size_t>(std::max(1L, std::lround(*speedup / most * room)));
    const std::string bar(length, '#');
    text += fmt::format("{:<{}} {:>7.2f} x {:>8.3f} s {}{}{}\n", name, name_width, *speedup, *wall,
                        colour ? colour_of(row, best) : "", bar, colour ? "\x1b[0m" : "");
  });
  return text + libraries(workload, columns);
}

std::string render_claims(const json::object& report, std::size_t width) {
  constexpr std::size_t indent = 2;
  const auto* const claims = report.if_contains("claims");
  if (!claims || !claims->is_array()) return "";
  std::string text;
  for (const auto& each : claims->get_array()) {
    std::string item = wrap(printable(each.as_string()), std::max(width, narrowest) - indent, indent);
    item.front() = '-';
    text += fmt::format("{}{}\n", text.empty() ? "\n" : "", item);
  }
  return text;
}

}  // namespace fanout::detail
