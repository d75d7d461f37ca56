#include "compare/verdict/bound.hpp"

#include "compare/text/seconds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace fanout::detail {
namespace {

constexpr double computes_most_of_the_time = 0.5;
constexpr double even = 1.25;  ///< the longest over the shortest of tasks that differ by chance only

/// "0.300 s of CPU time each", of uneven tasks their range and sum, of tasks that nobody saw apart their average.
std::string say_cpu(const lower_bound& bound, std::uint64_t tasks, const std::vector<std::chrono::nanoseconds>& each) {
  const double average = seconds(bound.task_cpu);
  if (tasks == 1) return fmt::format("{:.3f} s of CPU time", average);
  const auto [least, most] = std::ranges::minmax(each);
  if (least.count() < 0) return fmt::format("{:.3f} s of CPU time each on average", average);
  if (seconds(most) <= seconds(least) * even) return fmt::format("{:.3f} s of CPU time each", average);
  return fmt::format("{:.3f} to {:.3f} s of CPU time each, {:.3f} s in total", seconds(least), seconds(most),
                     average * static_cast<double>(tasks));
}

std::string explain(const lower_bound& bound, std::uint64_t tasks, const std::vector<std::chrono::nanoseconds>& each) {
  if (bound.wall == bound.cpu && bound.cpu > bound.task)
    return fmt::format("{} {} {} (the least measured), and there {} {} {}", tasks,
                       tasks == 1 ? "task needs" : "tasks need", say_cpu(bound, tasks, each),
                       bound.cores == 1 ? "is" : "are", bound.cores, bound.cores == 1 ? "core" : "cores");
  return tasks == 1 ? "the task took at least this long in every run"
                    : "the slowest task took at least this long in every run";
}

void keep_least(std::chrono::nanoseconds& least, std::chrono::nanoseconds seen, std::chrono::nanoseconds none) {
  if (seen > none && (least <= none || seen < least)) least = seen;
}

}  // namespace

void bound_finder::look_at(const workload_run& done) {
  if (least_.size() < done.taken.size()) {
    least_.resize(done.taken.size());
    least_cpu_.resize(done.taken.size(), std::chrono::nanoseconds(-1));
  }
  for (std::size_t i = 0; i < done.taken.size(); ++i) {
    keep_least(least_[i], done.taken[i], std::chrono::nanoseconds(0));
    if (i < done.computed.size()) keep_least(least_cpu_[i], done.computed[i], std::chrono::nanoseconds(-1));
  }
  cpu_ = std::min(cpu_, done.cost.cpu());
}

void bound_finder::allow(const shape& of) {
  if (of.model == model::automatic) limited_ = false;
  places_ = std::max(places_, of.tasks);
}

std::chrono::nanoseconds bound_finder::undisturbed(std::size_t task) const {
  if (computing_ < computes_most_of_the_time || least_cpu_[task].count() < 0) return least_[task];
  const std::chrono::duration<double, std::nano> alone = least_cpu_[task] / std::min(computing_, 1.0);
  return std::min(least_[task], std::chrono::duration_cast<std::chrono::nanoseconds>(alone));
}

std::chrono::nanoseconds bound_finder::cpu_of_all() const {
  std::chrono::nanoseconds sum{0};
  for (const auto cpu : least_cpu_) {
    if (cpu.count() < 0) return cpu_;
    sum += cpu;
  }
  return std::min(sum, cpu_);
}

std::optional<lower_bound> bound_finder::find(std::uint64_t tasks, std::uint32_t cores) const {
  if (least_.empty()) return std::nullopt;
  lower_bound bound;
  bound.cores = cores;
  for (std::size_t i = 0; i < least_.size(); ++i) {
    const auto alone = undisturbed(i);
    bound.task = std::max(bound.task, alone);
    bound.in_turn += alone;
  }
  bound.task_cpu = cpu_of_all() / tasks;
  bound.cpu = cpu_of_all() / cores;
  if (limited_ && places_ > 0) {
    bound.places = places_;
    bound.in_flight = bound.in_turn / places_;
  }
  bound.wall = std::max(bound.task, bound.cpu);
  bound.why = explain(bound, tasks, least_cpu_);
  return bound;
}

}  // namespace fanout::detail
