#include "process/supervisor/supervisor.hpp"
#include "process/supervisor/worded.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace fanout::detail {

void supervisor::serve_direct_calls(direct_call_channels& callers) {
  // Where a worker has several lanes, one call at a time would leave them idle; and what is counted or checked for each
  // task is the supervisor's to see to.
  const auto& how = control_.options().workers;
  if (shape_.threads == 1 && !job_.needs_loops() && how.max_tasks == 0) callers_ = &callers;
}

/// Later, as the worker whose frame is being read may be the one.
void supervisor::think_of_lending() {
  if (!may_lend() || lending_posted_ || !callers_->wanted()) return;
  lending_posted_ = true;
  asio::post(loop_, [this] {
    lending_posted_ = false;
    if (!may_lend()) return;
    const auto idle = std::find_if(workers_.begin(), workers_.end(), [&](const auto& worker) {
      return worker && worker->ready && worker->unfinished == 0 && worker->sent_all() && may_take(*worker) &&
             frames_[worker->number()].empty();
    });
    if (idle != workers_.end()) lend(**idle);
  });
}

bool supervisor::may_lend() const {
  return callers_ && waiting_for_source_ && returned_.empty() && suspects_.empty() && control_.pulling() &&
         !control_.aborted() && !quarantine_.any_held();
}

void supervisor::lend(worker_process& worker) {
  callers_->reserve(workers_.size());
  worker.check_out(std::move(told_[worker.number()]), [this](worker_process& gone) {
    try {
      if (callers_->reclaim(*gone.direct)) take_in(gone, nullptr);
    } catch (...) {  // of memory
      control_.break_off(std::current_exception());
    }
  });
  ++lent_;
  callers_->offer(*worker.direct);
}

/// When there is anything else to do than calls one by one.
void supervisor::reclaim_lent() {
  if (lent_ == 0 || may_lend()) return;
  reclaim_idle();
}

void supervisor::reclaim_idle() {
  for (direct_call_channel* const line : callers_->reclaim()) take_in(*workers_[line->worker()], nullptr);
}

void supervisor::check_in(direct_call_channel& line, task_bundle* under_way) {
  worker_process& worker = *workers_[line.worker()];
  try {
    take_in(worker, under_way);
  } catch (const std::bad_alloc&) {  // to note the call: it ends here, and with it the worker that is at it
    worker.kill();
    end_unstarted(under_way->first_index,
                  worded(failure_kind::too_large, [] { return "there is no memory to wait for it"; }));
    take_in(worker, nullptr);
  }
  deal();
  finish_when_done();
}

/// Throws `std::bad_alloc` before anything has changed, where there is a task to be noted and no memory for that.
void supervisor::take_in(worker_process& worker, task_bundle* under_way) {
  direct_call_channel& line = *worker.direct;
  const std::uint32_t count = under_way ? under_way->count() : 0;
  const std::size_t bytes = under_way ? under_way->inputs.bytes() : 0;
  const auto limit = under_way ? under_way->terms.limit : std::chrono::nanoseconds(0);
  if (under_way) worker.batches.emplace_back(line.next_ordinal(), std::move(*under_way));
  --lent_;
  worker.end_ordinal = line.next_ordinal();
  cost_.workers[worker.number()].tasks += line.tasks();
  told_[worker.number()] = std::move(line.told());
  worker.listens = false;
  worker.unfinished += count;
  worker.unfinished_bytes += bytes;
  worker.end_ordinal += count;
  worker.check_in();
  try {
    if (limit.count() > 0) watch_deadlines(limit);
    for (const std::uint32_t function : std::exchange(forgotten_, {})) forget(function);
  } catch (const std::bad_alloc&) {  // what it was not told of would come twice
    worker.kill();
  }
  if (control_.aborted()) worker.kill();
}

}  // namespace fanout::detail
