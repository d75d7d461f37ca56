#include "process/supervisor/deadlines.hpp"

#include <algorithm>
#include <atomic>

namespace fanout::detail {

void deadline_rules::note(std::chrono::nanoseconds limit, clock::time_point now) noexcept {
  if (shortest_limit_.count() == 0) checked_ = now;
  shortest_limit_ = limit;
}

std::chrono::nanoseconds deadline_rules::pause() const noexcept {
  return std::clamp<std::chrono::nanoseconds>(shortest_limit_ / 8, std::chrono::milliseconds(2),
                                              std::chrono::milliseconds(50));
}

void deadline_rules::begin_check(clock::time_point now) noexcept {
  since_last_ = std::min<std::chrono::nanoseconds>(now - checked_, 2 * pause());
  checked_ = now;
}

bool deadline_rules::over(worker_record& worker) const {
  return !worker.overdue_tasks && (over_limit(worker) || stuck(worker));
}

/// Whether a lane has been at a blocking task for longer than its limit.
bool deadline_rules::over_limit(worker_record& worker) const {
  for (std::uint32_t lane = 0; lane < lanes_; ++lane) {
    const auto& state = worker.page().lane(lane);
    const auto under_way = state.task.load(std::memory_order_acquire);
    if (under_way == 0) continue;
    const auto started = worker.time_of(state.started_ns.load(std::memory_order_relaxed));
    const handed_batch* const batch = worker.tasks.batch_of(under_way - 1);
    if (!batch || batch->finished(under_way - 1)) continue;
    const auto limit = batch->tasks().terms.limit;
    if (limit.count() <= 0 || checked_ - started < limit) continue;
    if (state.task.load(std::memory_order_acquire) != under_way) continue;  // the time was the next task's
    worker.overdue_tasks = {.from = under_way - 1, .to = under_way};
    return true;
  }
  return false;
}

/// Whether a worker does not end a task that it should have ended itself: coroutines are cancelled by the worker's own
/// loop, which does not run while one of them blocks it, or while the process is stopped. The task at the front is the
/// oldest one, so it has been under way for as long as it has been at the front; and so has, for longer than its limit,
/// each one that had been started when that age was no more than the grace.
bool deadline_rules::stuck(worker_record& worker) const {
  auto& front = worker.front;
  const task_ledger& tasks = worker.tasks;
  if (tasks.unfinished() == 0 || !worker.ready() || front.ordinal != tasks.front_ordinal()) {
    front.ordinal = tasks.front_ordinal();
    front.age = {};
  } else {
    front.age += since_last_;
  }
  if (front.age <= stuck_grace) front.started = worker.started();
  if (tasks.unfinished() == 0) return false;
  const auto limit = tasks.batches().front().tasks().terms.limit;
  if (limit.count() <= 0 || front.age - stuck_grace < limit) return false;
  worker.overdue_tasks = {.from = tasks.front_ordinal(), .to = std::max(front.started, tasks.front_ordinal() + 1)};
  return true;
}

}  // namespace fanout::detail
