#include <fanout/compare/compare.hpp>

#include "compare/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace fanout {
namespace {

constexpr std::size_t columns = 80;

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

constexpr const char* cells = "{:<{}} {:>8} {:>6} {:>6} {:>6} {:>5} {:>6} {:>8} {:>5} {:>7}\n";

std::string optional_cell(const std::optional<double>& value, double scale, int digits) {
  return value ? fmt::format("{:.{}f}", *value * scale, digits) : "-";
}

std::string line_of(const comparison_row& row, std::size_t name_width) {
  const std::string name = to_string(row.shape);
  if (!row.ok()) {
    const std::string text = detail::wrap(detail::printable(row.failure), columns - name_width - 1, name_width + 1);
    return fmt::format("{:<{}} {}\n", name, name_width, std::string_view(text).substr(name_width + 1));
  }
  const report& cost = row.cost;
  return fmt::format(fmt::runtime(cells), name, name_width, fmt::format("{:.3f}", seconds(cost.wall)),
                     optional_cell(row.speedup, 1, 2), optional_cell(row.of_bound, 100, 1),
                     fmt::format("{:.3f}", seconds(cost.cpu())), fmt::format("{:.2f}", cost.cores_used()),
                     fmt::format("{:.1f}", static_cast<double>(cost.peak_rss_bytes) / (1024.0 * 1024.0)),
                     cost.voluntary_switches + cost.involuntary_switches, cost.processes, cost.threads);
}

/// What went between processes, which the columns have no room for.
std::string travel_of(const comparison& of) {
  std::string text;
  for (const auto& row : of.rows) {
    const report& cost = row.cost;
    if (!row.ok() || cost.ipc_bytes == 0) continue;
    text +=
        fmt::format("{}{}: {:.1f} KiB in {:.2f} ms", text.empty() ? "Between processes, under " : "; ",
                    to_string(row.shape), static_cast<double>(cost.ipc_bytes) / 1024.0, seconds(cost.ipc_time) * 1e3);
  }
  return text.empty() ? text : '\n' + detail::wrap(text + '.', columns, 0) + '\n';
}

}  // namespace

std::string render_table(const comparison& of) {
  std::size_t name_width = 5;
  for (const auto& row : of.rows) name_width = std::max(name_width, to_string(row.shape).size());
  std::string text =
      detail::wrap(fmt::format("{}: {}", of.name, detail::printable(of.description)), columns, 0) + "\n\n";
  text += fmt::format(fmt::runtime(cells), "", name_width, "wall", "speed-", "of", "CPU", "cores", "peak", "context",
                      "proc-", "");
  text.erase(text.find_last_not_of(" \n") + 1);
  text += '\n';
  text += fmt::format(fmt::runtime(cells), "shape", name_width, "s", "up", "bound%", "s", "used", "MiB", "switches",
                      "esses", "threads");
  for (const auto& row : of.rows) text += line_of(row, name_width);
  return text + travel_of(of) + '\n' + detail::wrap(detail::printable(of.why), columns, 0) + '\n';
}

}  // namespace fanout
