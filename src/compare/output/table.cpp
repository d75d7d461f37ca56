#include <fanout/compare/compare.hpp>
#include <fanout/compare/detail/text.hpp>

#include "compare/text/seconds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace fanout {
namespace {

using detail::seconds;

std::string optional_cell(const std::optional<double>& value, double scale, int digits) {
  constexpr double wide = 1000;
  if (!value) return "-";
  return fmt::format("{:.{}f}", *value * scale, *value * scale < wide ? digits : 0);
}

struct column {
  std::size_t width;
  const char* above;  ///< its name, in two lines
  const char* below;
  int dispensable;  ///< where there is no room for all, those with more of it go first
  std::string (*cell)(const comparison_row&);
};

const std::vector<column> all_columns{
    {8, "wall", "s", 0, [](const comparison_row& row) { return fmt::format("{:.3f}", seconds(row.cost.wall)); }},
    {6, "speed-", "up", 1, [](const comparison_row& row) { return optional_cell(row.speedup, 1, 2); }},
    {6, "of", "bound%", 2, [](const comparison_row& row) { return optional_cell(row.of_bound, 100, 1); }},
    {6, "CPU", "s", 3, [](const comparison_row& row) { return fmt::format("{:.3f}", seconds(row.cost.cpu())); }},
    {5, "cores", "used", 5, [](const comparison_row& row) { return fmt::format("{:.2f}", row.cost.cores_used()); }},
    {6, "peak", "MiB", 6,
     [](const comparison_row& row) {
       return fmt::format("{:.1f}", static_cast<double>(row.cost.peak_rss_bytes) / (1024.0 * 1024.0));
     }},
    {8, "context", "switches", 8,
     [](const comparison_row& row) {
       return fmt::format("{}", row.cost.voluntary_switches + row.cost.involuntary_switches);
     }},
    {5, "proc-", "esses", 7, [](const comparison_row& row) { return fmt::format("{}", row.cost.processes); }},
    {7, "", "threads", 4, [](const comparison_row& row) { return fmt::format("{}", row.cost.threads); }},
};

std::vector<column> columns_within(std::size_t room) {
  std::vector<column> fitting = all_columns;
  const auto needed = [&] {
    std::size_t sum = 0;
    for (const column& each : fitting) sum += 1 + each.width;
    return sum;
  };
  while (fitting.size() > 1 && needed() > room)
    fitting.erase(std::ranges::max_element(fitting, {}, &column::dispensable));
  return fitting;
}

template <class Cell>
std::string line_of(const std::string& name, std::size_t name_width, const std::vector<column>& columns, Cell cell) {
  std::string line = fmt::format("{:<{}}", name, name_width);
  for (const column& each : columns) line += fmt::format(" {:>{}}", cell(each), each.width);
  line.erase(line.find_last_not_of(' ') + 1);
  return line + '\n';
}

std::string line_of_failure(const comparison_row& row, std::size_t name_width, std::size_t width) {
  const std::string text = detail::wrap(detail::printable(row.failure), width - name_width - 1, name_width + 1);
  return fmt::format("{:<{}} {}\n", to_string(row.shape), name_width, std::string_view(text).substr(name_width + 1));
}

/// What went between processes, which the columns have no room for.
std::string serialization_of(const comparison& of, std::size_t width) {
  std::string text;
  for (const auto& row : of.rows) {
    const report& cost = row.cost;
    if (!row.ok() || cost.ipc_bytes == 0) continue;
    text +=
        fmt::format("{}{}: {:.1f} KiB in {:.2f} ms", text.empty() ? "Between processes, under " : "; ",
                    to_string(row.shape), static_cast<double>(cost.ipc_bytes) / 1024.0, seconds(cost.ipc_time) * 1e3);
  }
  return text.empty() ? text : '\n' + detail::wrap(text + '.', width, 0) + '\n';
}

}  // namespace

std::string render_table(const comparison& of, std::size_t width) {
  width = std::max(width, detail::narrowest);
  std::size_t name_width = 5;
  for (const auto& row : of.rows) name_width = std::max(name_width, to_string(row.shape).size());
  const auto columns = columns_within(width - std::min(name_width, width));
  std::string text = detail::wrap(fmt::format("{}: {}", of.name, detail::printable(of.description)), width, 0) + "\n\n";
  text += line_of("", name_width, columns, [](const column& each) { return std::string(each.above); });
  text += line_of("shape", name_width, columns, [](const column& each) { return std::string(each.below); });
  for (const auto& row : of.rows)
    text += row.ok()
                ? line_of(to_string(row.shape), name_width, columns, [&](const column& each) { return each.cell(row); })
                : line_of_failure(row, name_width, width);
  return text + serialization_of(of, width) + '\n' + detail::wrap(detail::printable(of.why), width, 0) + '\n';
}

}  // namespace fanout
