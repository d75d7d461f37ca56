#include "cli/compare/compare_shapes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace fanout::cli {
namespace {

constexpr std::uint32_t classic_count = 5;  ///< the number of the programs that everybody writes first
constexpr std::array<std::uint32_t, 3> in_flight{classic_count, 64, 256};

bool waits(std::string_view workload) {
  return workload == "io" || workload == "urls";
}

void add(std::vector<shape>& to, const shape& what) {
  if (std::ranges::find(to, what) == to.end()) to.push_back(what);
}

std::vector<shape> waiting_shapes(std::uint64_t tasks) {
  const auto at_most = [tasks](std::uint32_t count) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(count, std::max<std::uint64_t>(tasks, 1)));
  };
  std::vector<shape> all{sync(), threads(at_most(classic_count))};
  for (const std::uint32_t count : in_flight) add(all, async(at_most(count)));
  add(all, processes(at_most(classic_count)));
  add(all, hybrid(at_most(in_flight.back())));
  return all;
}

}  // namespace

std::vector<shape> parse_shapes(std::string_view list) {
  constexpr std::string_view separators = ", ";
  std::vector<shape> shapes;
  while (!list.empty()) {
    const auto end = std::min(list.find_first_of(separators), list.size());
    if (end > 0) shapes.push_back(parse_shape(list.substr(0, end)));
    if (end > 0) validate(shapes.back());
    if (end > 0 && std::ranges::count(shapes, shapes.back()) > 1)
      throw std::invalid_argument(fmt::format("{} is named twice", to_string(shapes.back())));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  if (shapes.empty()) throw std::invalid_argument("no shape is named; use a list such as sync,threads:5");
  return shapes;
}

std::vector<shape> usual_shapes(std::string_view workload, std::uint64_t tasks, std::uint32_t cores) {
  if (waits(workload)) return waiting_shapes(tasks);
  const std::uint32_t beyond = cores < classic_count ? classic_count : 2 * cores;
  std::vector<shape> all{sync(), threads(cores), threads(beyond)};
  if (workload == "command") {
    if (tasks > beyond) add(all, threads(4 * cores));
    return all;
  }
  add(all, async(classic_count));
  add(all, processes(cores));
  add(all, hybrid(beyond));
  return all;
}

std::uint64_t usual_tasks(std::string_view workload, std::uint32_t cores) {
  if (waits(workload)) return classic_count;
  return (classic_count + cores - 1) / cores * cores;
}

}  // namespace fanout::cli
