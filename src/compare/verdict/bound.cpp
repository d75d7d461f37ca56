#include "compare/verdict/bound.hpp"

#include "compare/seconds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace fanout::detail {
namespace {

std::string explain(const lower_bound& bound, std::uint64_t tasks) {
  if (bound.wall == bound.cpu && bound.cpu > bound.task)
    return fmt::format("{} {} of {:.3f} s of CPU each, the least measured in this run, on {} {}", tasks,
                       tasks == 1 ? "task" : "tasks", seconds(bound.task_cpu), bound.cores,
                       bound.cores == 1 ? "core" : "cores");
  if (bound.wall == bound.in_flight && bound.in_flight > bound.task)
    return fmt::format("{} tasks, which take {:.3f} s one after another at their quickest, with {} under way at once",
                       tasks, seconds(bound.in_turn), bound.places);
  return "the slowest single task takes that at its quickest, however many run beside it";
}

}  // namespace

void bound_finder::look_at(const workload_run& done) {
  if (least_.size() < done.taken.size()) least_.resize(done.taken.size());
  for (std::size_t i = 0; i < done.taken.size(); ++i) {
    const auto taken = done.taken[i];
    if (taken.count() > 0 && (least_[i].count() == 0 || taken < least_[i])) least_[i] = taken;
  }
  cpu_ = std::min(cpu_, done.cost.cpu());
}

void bound_finder::allow(const shape& of) {
  if (of.model == model::automatic) limited_ = false;
  places_ = std::max(places_, of.tasks);
}

std::chrono::nanoseconds bound_finder::one_by_one() const {
  return std::accumulate(least_.begin(), least_.end(), std::chrono::nanoseconds(0));
}

std::optional<lower_bound> bound_finder::find(std::uint64_t tasks) const {
  if (least_.empty()) return std::nullopt;
  lower_bound bound;
  bound.cores = available_cores();
  bound.task = *std::ranges::max_element(least_);
  bound.in_turn = one_by_one();
  bound.task_cpu = cpu_ / tasks;
  bound.cpu = cpu_ / bound.cores;
  if (limited_ && places_ > 0) {
    bound.places = places_;
    bound.in_flight = bound.in_turn / places_;
  }
  bound.wall = std::max({bound.task, bound.cpu, bound.in_flight});
  bound.why = explain(bound, tasks);
  return bound;
}

}  // namespace fanout::detail
