#include <fanout/core/shape.hpp>

#include <fmt/format.h>

#include <sched.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace fanout {
namespace {

constexpr std::string_view accepted =
    "accepted are sync, threads:N, async:N, processes:N, hybrid:N, auto, and PxTxC such as 2x4x16 "
    "(processes x threads x tasks in flight on each thread), with machines before it: 3x2x4x16";

constexpr std::array<std::pair<std::string_view, model>, 6> names{{
    {"sync", model::sync},
    {"threads", model::threads},
    {"async", model::async},
    {"processes", model::processes},
    {"hybrid", model::hybrid},
    {"auto", model::automatic},
}};

constexpr std::uint32_t beyond_counting = std::numeric_limits<std::uint32_t>::max();  ///< what text says, or more

void check_count(std::string_view what, std::uint32_t count, std::uint32_t limit) {
  if (count == 0) throw std::invalid_argument(fmt::format("a shape needs at least 1 of {}, not 0", what));
  if (count <= limit) return;
  const std::string many = count == beyond_counting ? "so many" : std::to_string(count);
  throw std::invalid_argument(fmt::format("{} {} are beyond the limit of {}", many, what, limit));
}

shape make(model name, std::uint32_t processes, std::uint32_t threads, std::uint32_t in_flight) {
  shape value;
  value.model = name;
  value.processes = processes;
  value.threads = threads;
  value.in_flight = in_flight;
  check_count("processes", processes, shape_limits::processes);
  check_count("threads", threads, shape_limits::threads);
  check_count("tasks in flight", in_flight, shape_limits::in_flight);
  const std::uint64_t tasks = std::uint64_t{processes} * threads * in_flight;
  if (tasks > shape_limits::in_flight)
    throw std::invalid_argument(
        fmt::format("{} tasks in flight in total are beyond the limit of {}", tasks, shape_limits::in_flight));
  value.tasks = static_cast<std::uint32_t>(tasks);
  return value;
}

std::optional<std::uint32_t> parse_count(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed == std::errc::result_out_of_range) return beyond_counting;
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The same on each of so many machines.
shape grid_on(std::uint32_t machines, shape of) {
  check_count("machines", machines, shape_limits::machines);
  const std::uint64_t tasks = std::uint64_t{of.tasks} * machines;
  if (tasks > shape_limits::in_flight)
    throw std::invalid_argument(
        fmt::format("{} tasks in flight in total are beyond the limit of {}", tasks, shape_limits::in_flight));
  of.machines = machines;
  of.tasks = static_cast<std::uint32_t>(tasks);
  return of;
}

[[noreturn]] void reject(std::string_view text, std::string_view why) {
  throw std::invalid_argument(fmt::format("'{}' is not a shape: {}; {}", text, why, accepted));
}

shape parse_grid(std::string_view text) {
  const bool machines = std::count(text.begin(), text.end(), 'x') == 3;
  std::array<std::uint32_t, 4> counts{1};
  std::string_view rest = text;
  for (std::size_t i = machines ? 0 : 1; i < counts.size(); ++i) {
    const auto cross = rest.find('x');
    const auto count = parse_count(rest.substr(0, cross));
    if (!count || (cross == rest.npos) != (i + 1 == counts.size())) reject(text, "unknown form");
    counts[i] = *count;
    rest.remove_prefix(cross == rest.npos ? rest.size() : cross + 1);
  }
  return grid_on(counts[0], grid(counts[1], counts[2], counts[3]));
}

shape make_named(model name, std::optional<std::uint32_t> count) {
  switch (name) {
    case model::sync:
      return sync();
    case model::threads:
      return threads(count.value_or(32));
    case model::async:
      return async(count.value_or(64));
    case model::processes:
      return processes(count.value_or(available_cores()));
    case model::hybrid:
      return hybrid(count.value_or(64));
    case model::automatic:
      return automatic(count.value_or(0));
    case model::grid:
      break;
  }
  throw std::logic_error("a grid has no name");
}

}  // namespace

std::uint32_t shape::slots(std::uint32_t lane) const noexcept {
  const std::uint32_t all = machines * processes;
  const std::uint32_t in_process = (tasks + all - 1) / all;
  return in_process / threads + (lane < in_process % threads ? 1 : 0);
}

shape sync() {
  return make(model::sync, 1, 1, 1);
}
shape threads(std::uint32_t count) {
  return make(model::threads, 1, count, 1);
}
shape async(std::uint32_t in_flight) {
  return make(model::async, 1, 1, in_flight);
}
shape processes(std::uint32_t count) {
  return make(model::processes, count, 1, 1);
}

shape hybrid(std::uint32_t in_flight) {
  check_count("tasks in flight", in_flight, shape_limits::in_flight);
  const std::uint32_t loops = std::min(available_cores(), in_flight);
  shape value = make(model::hybrid, 1, loops, (in_flight + loops - 1) / loops);
  value.tasks = in_flight;
  return value;
}

shape grid(std::uint32_t processes, std::uint32_t threads, std::uint32_t in_flight) {
  return make(model::grid, processes, threads, in_flight);
}

shape automatic(std::uint32_t at_most) {
  shape value = make(model::automatic, 1, 1, 1);
  value.tasks = at_most;
  validate(value);
  return value;
}

shape parse_shape(std::string_view text) {
  try {
    if (!text.empty() && text.front() >= '0' && text.front() <= '9') return parse_grid(text);
    const auto colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    const auto* const known = std::find_if(names.begin(), names.end(), [&](const auto& n) { return n.first == name; });
    if (known == names.end()) reject(text, "unknown name");
    std::optional<std::uint32_t> count;
    if (colon != text.npos) {
      if (known->second == model::sync) reject(text, "sync takes no count, it runs one task at a time");
      count = parse_count(text.substr(colon + 1));
      if (!count) reject(text, "the count is not a number");
      if (*count == 0) reject(text, "a count of 0 can run nothing");
    }
    return make_named(known->second, count);
  } catch (const std::invalid_argument& error) {
    if (std::string_view(error.what()).starts_with('\'')) throw;  // already a rejection that quotes the text
    reject(text, error.what());
  }
}

shape with_tasks(const shape& base, std::uint32_t tasks) {
  const auto refuse = [&](std::string_view why) {
    throw std::invalid_argument(fmt::format("{} cannot have {} tasks in flight: {}", to_string(base), tasks, why));
  };
  check_count("tasks in flight", tasks, shape_limits::in_flight);
  switch (base.model) {
    case model::sync:
      if (tasks != 1) refuse("it runs one task at a time");
      return base;
    case model::grid: {
      const std::uint32_t lanes = base.machines * base.processes * base.threads;
      if (tasks % lanes != 0) refuse(fmt::format("that is not a multiple of its {} lanes", lanes));
      return grid_on(base.machines, grid(base.processes, base.threads, tasks / lanes));
    }
    default:
      return make_named(base.model, tasks);
  }
}

std::string to_string(const shape& value) {
  switch (value.model) {
    case model::sync:
      return "sync";
    case model::threads:
      return fmt::format("threads:{}", value.tasks);
    case model::async:
      return fmt::format("async:{}", value.tasks);
    case model::processes:
      return fmt::format("processes:{}", value.tasks);
    case model::hybrid:
      return fmt::format("hybrid:{}", value.tasks);
    case model::automatic:
      return value.tasks ? fmt::format("auto:{}", value.tasks) : "auto";
    case model::grid:
      break;
  }
  const std::string machines = value.machines > 1 ? fmt::format("{}x", value.machines) : "";
  return fmt::format("{}{}x{}x{}", machines, value.processes, value.threads, value.in_flight);
}

std::uint32_t available_cores() noexcept {
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof mask, &mask) == 0) return static_cast<std::uint32_t>(std::max(1, CPU_COUNT(&mask)));
  return std::max(1U, std::thread::hardware_concurrency());
}

void validate(const shape& value) {
  check_count("machines", value.machines, shape_limits::machines);
  check_count("processes", value.processes, shape_limits::processes);
  check_count("threads", value.threads, shape_limits::threads);
  check_count("tasks in flight", value.in_flight, shape_limits::in_flight);
  if (value.model != model::automatic) check_count("tasks", value.tasks, shape_limits::in_flight);
  if (value.machines > 1)
    throw std::invalid_argument(
        "a shape with more than one machine needs nodes to run on, as a program has them that mpirun starts "
        "(docs/machines.md)");
}

}  // namespace fanout
