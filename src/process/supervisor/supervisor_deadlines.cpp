#include "process/supervisor/supervisor.hpp"

#include <algorithm>

namespace fanout::detail {

/// Sees to limits while there are tasks under way that have one.
void supervisor::watch_deadlines(std::chrono::nanoseconds limit) {
  if (shortest_limit_.count() == 0) {
    shortest_limit_ = limit;
    deadlines_checked_ = clock::now();
    arm_deadlines();
  } else if (limit < shortest_limit_) {
    shortest_limit_ = limit;
    arm_deadlines();  // it may be too far away
  }
}

/// Between two looks at the workers.
std::chrono::nanoseconds supervisor::deadline_pause() const {
  return std::clamp<std::chrono::nanoseconds>(shortest_limit_ / 8, std::chrono::milliseconds(2),
                                              std::chrono::milliseconds(50));
}

void supervisor::check_deadlines() {
  if (finished_) return;
  const auto now = clock::now();
  // Time in which this loop did nothing, as in a slow sink, is not the workers' fault.
  const auto since_last = std::min<std::chrono::nanoseconds>(now - deadlines_checked_, 2 * deadline_pause());
  deadlines_checked_ = now;
  for (const auto& worker : workers_)
    if (worker && !worker->killed_for_time && (over_limit(*worker, now) || stuck(*worker, since_last))) worker->kill();
  arm_deadlines();
}

void supervisor::arm_deadlines() {
  deadline_timer_.expires_after(deadline_pause());
  deadline_timer_.async_wait([this](boost::system::error_code cancelled) {
    if (cancelled || finished_) return;
    if (anything_under_way())
      check_deadlines();
    else
      shortest_limit_ = {};
  });
}

bool supervisor::anything_under_way() const {
  return std::any_of(workers_.begin(), workers_.end(), [](const auto& each) { return each && each->unfinished > 0; });
}

/// Whether a lane has been at a blocking task for longer than its limit.
bool supervisor::over_limit(worker_process& worker, clock::time_point now) const {
  for (std::uint32_t lane = 0; lane < shape_.threads; ++lane) {
    const auto& state = worker.page().lane(lane);
    const auto under_way = state.task.load(std::memory_order_acquire);
    if (under_way == 0) continue;
    const auto started = worker.time_of(state.started_ns.load(std::memory_order_relaxed));
    const handed_batch* const batch = worker.batch_of(under_way - 1);
    if (!batch || batch->finished(under_way - 1)) continue;
    const auto limit = batch->tasks().terms.limit;
    if (limit.count() <= 0 || now - started < limit) continue;
    if (state.task.load(std::memory_order_acquire) != under_way) continue;  // the time was the next task's
    worker.killed_for_time = true;
    worker.overdue_from = under_way - 1;
    worker.overdue_to = under_way;
    return true;
  }
  return false;
}

/// Whether a worker does not end a task that it should have ended itself: coroutines are cancelled by the worker's own
/// loop, which does not run while one of them blocks it, or while the process is stopped. The task at the front is the
/// oldest one, so it has been under way for as long as it has been at the front; and so has, for longer than its limit,
/// each one that had been started when that age was no more than the grace.
bool supervisor::stuck(worker_process& worker, std::chrono::nanoseconds since_last_check) const {
  if (worker.unfinished == 0 || !worker.ready || worker.seen_front != worker.front_ordinal()) {
    worker.seen_front = worker.front_ordinal();
    worker.front_age = {};
  } else {
    worker.front_age += since_last_check;
  }
  if (worker.front_age <= stuck_grace) worker.seen_started = worker.started();
  if (worker.unfinished == 0) return false;
  const auto limit = worker.batches.front().tasks().terms.limit;
  if (limit.count() <= 0 || worker.front_age - stuck_grace < limit) return false;
  worker.killed_for_time = true;
  worker.overdue_from = worker.front_ordinal();
  worker.overdue_to = std::max(worker.seen_started, worker.front_ordinal() + 1);
  return true;
}

}  // namespace fanout::detail
