#include "process/supervisor/dispatch.hpp"

#include <algorithm>
#include <atomic>

namespace fanout::detail {

std::uint32_t dispatch_rules::places_ahead() const noexcept {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(time_.tasks_in(ahead) * places_, most_ahead));
}

std::uint32_t dispatch_rules::within_life(const worker_record* worker, std::uint32_t most) const noexcept {
  if (max_tasks_ == 0) return most;
  const std::uint64_t had = worker ? worker->tasks.end_ordinal() : 0;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(most, max_tasks_ - had));
}

bool dispatch_rules::may_take(const worker_record& worker) const noexcept {
  return !worker.leaving() && !worker.doomed() && !worker.checked_out() && !worker.recall_pending &&
         worker.share == task_share::open && !worn(worker);
}

std::uint32_t dispatch_rules::fill_level(const worker_record& worker) const {
  const std::uint32_t waiting = places_ahead();
  const std::uint32_t most = places_ + waiting;
  if (!may_take(worker) || worker.tasks.unfinished() > most - waiting / 2) return 0;
  if (worker.tasks.unfinished() >= places_ && (!worker.listens || stands_still(worker))) return 0;
  return most;
}

bool dispatch_rules::stands_still(const worker_record& worker) const {
  const auto now = worker_record::clock::now();
  for (std::uint32_t lane = 0; lane < lanes_; ++lane) {
    const auto& state = worker.page().lane(lane);
    if (state.task.load(std::memory_order_acquire) == 0) return false;
    if (now - worker.time_of(state.started_ns.load(std::memory_order_relaxed)) < long_task) return false;
  }
  return true;
}

dispatch_rules::suspect_place dispatch_rules::place_for_suspect(const worker_record& worker) const noexcept {
  if (worker.leaving() || worker.doomed() || worker.checked_out() || worker.recall_pending ||
      worker.share == task_share::alone || worn(worker))
    return suspect_place::never;
  return worker.tasks.unfinished() > 0 ? suspect_place::when_idle : suspect_place::now;
}

rebalance rebalance::among(std::span<worker_record* const> workers, bool may_start, const dispatch_rules& rules) {
  const auto idle = [&](const worker_record* worker) { return worker ? rules.has_place(*worker) : may_start; };
  if (std::none_of(workers.begin(), workers.end(), idle)) return {};
  worker_record* fullest = nullptr;
  std::uint64_t most_waiting = 0;
  for (worker_record* const worker : workers) {
    if (!worker || !rules.may_take(*worker) || worker->tasks.unfinished() <= rules.places()) continue;
    const std::uint64_t waiting = worker->tasks.end_ordinal() - worker->started();
    if (waiting <= most_waiting) continue;
    most_waiting = waiting;
    fullest = worker;
  }
  if (!fullest) return {};
  const auto work = rules.time().mean() * static_cast<std::int64_t>(most_waiting) / rules.places();
  if (work > dispatch_rules::long_task || rules.stands_still(*fullest))
    return {.from = fullest, .keep = static_cast<std::uint32_t>(most_waiting / 2)};
  return {.ask_again = true};
}

}  // namespace fanout::detail
