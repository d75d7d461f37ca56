#include "process/worker_crew.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace fanout::detail {

void worker_crew::lend_to(direct_lines& callers) {
  // Where a worker has several lanes, one call at a time would leave them idle; and what is counted or checked for each
  // task is the crew's to see to.
  const auto& how = control_.options().workers;
  if (shape_.threads == 1 && !job_.needs_loops() && how.max_tasks == 0) callers_ = &callers;
}

/// Later, as the worker whose frame is being read may be the one.
void worker_crew::think_of_lending() {
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

bool worker_crew::may_lend() const {
  return callers_ && waiting_for_source_ && returned_.empty() && suspects_.empty() && control_.pulling() &&
         !control_.aborted() && !quarantine_.any_held();
}

void worker_crew::lend(worker_process& worker) {
  callers_->reserve(workers_.size());
  worker.lend(std::move(told_[worker.number()]), [this](worker_process& gone) {
    try {
      if (callers_->reclaim(*gone.line)) take_in(gone, nullptr);
    } catch (...) {  // of memory
      control_.break_off(std::current_exception());
    }
  });
  ++lent_;
  callers_->lend(*worker.line);
}

/// When there is anything else to do than calls one by one.
void worker_crew::reclaim_lent() {
  if (lent_ == 0 || may_lend()) return;
  for (direct_line* const line : callers_->reclaim()) take_in(*workers_[line->worker()], nullptr);
}

void worker_crew::give_back(direct_line& line, task_bundle* under_way) {
  take_in(*workers_[line.worker()], under_way);
  deal();
  finish_when_done();
}

void worker_crew::take_in(worker_process& worker, task_bundle* under_way) {
  direct_line& line = *worker.line;
  --lent_;
  worker.end_ordinal = line.next_ordinal();
  cost_.workers[worker.number()].tasks += line.tasks();
  told_[worker.number()] = std::move(line.told());
  worker.listens = false;
  if (under_way) {
    if (under_way->terms.limit.count() > 0) watch_deadlines(under_way->terms.limit);
    worker.unfinished += under_way->count();
    worker.unfinished_bytes += under_way->inputs.bytes();
    const std::uint64_t first = worker.end_ordinal;
    worker.end_ordinal += under_way->count();
    worker.batches.emplace_back(first, std::move(*under_way));
  }
  worker.take_in();
  for (const std::uint32_t function : std::exchange(forgotten_, {})) forget(function);
  if (control_.aborted()) worker.kill();
}

}  // namespace fanout::detail
