#include "process/supervisor/supervisor.hpp"

#include <fanout/base/detail/wait_handle.hpp>
#include <fanout/core/detail/pipeline.hpp>

#include "process/supervisor/worded.hpp"
#include "process/worker/worker_settings.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace fanout::detail {

worker_runner& worker_runner::instance() {
  static worker_runner only;
  return only;
}

void worker_runner::run(run_control& control, remote_job& job, const fanout::shape& ran, report& cost) {
  worker_settings::validate(control.options().workers);
  supervisor(control, job, ran, cost).run();
}

supervisor::supervisor(run_control& control, remote_job& job, const fanout::shape& ran, report& cost)
    : control_(control),
      job_(job),
      shape_(ran),
      cost_(cost),
      rules_(ran, control.options().workers.max_tasks),
      deadlines_(ran.threads),
      retries_(control.options().workers),
      pending_([this](std::uint64_t index, failure reason) { completion_.end_unstarted(index, std::move(reason)); }),
      completion_(control, job, cost, ran.threads, pending_, retries_, restarts_, rules_.time()),
      workers_(loop_, control, ran, job.needs_loops(), cost, restarts_, *this),
      deadline_timer_(loop_),
      rebalance_timer_(loop_),
      interrupt_(loop_, control) {}

void supervisor::run() {
  const run_control::observer watch(control_, [this] { asio::post(loop_, [this] { on_change(); }); });
  interrupt_.start();
  dispatch();
  finish_when_done();
  for (;;) try {
      loop_.run();
      break;
    } catch (...) {  // no memory or descriptors, in the middle of a step; callers that wait are still served
      break_off(std::current_exception());
    }
  settle_all();
}

void supervisor::post(std::function<void()> what) {
  asio::post(loop_, std::move(what));
}

void supervisor::end_tasks(std::function<bool(std::uint64_t)> whose) {
  pending_.cancel(std::move(whose));
  for (const auto& worker : workers_) {
    if (!worker) continue;
    const std::uint64_t started = worker->started();
    bool some = false;
    bool others = false;
    for (const handed_batch& batch : worker->tasks.batches()) {
      const std::uint64_t end = std::min(started, batch.end_ordinal());
      for (std::uint64_t ordinal = batch.front_ordinal(); ordinal < end; ++ordinal)
        if (!batch.finished(ordinal)) (pending_.cancelled(batch.index_of(ordinal)) ? some : others) = true;
    }
    if (some && !others)
      worker->kill();
    else
      recall_unwanted(*worker);
  }
  dispatch();
  finish_when_done();
}

void supervisor::forget(std::uint32_t function) {
  if (checked_out_ > 0) forgotten_.push_back(function);  // workers that are checked out get it when they are back
  for (const auto& worker : workers_)
    if (worker && !worker->checked_out()) worker->outbox.forget(function, !worker->leaving());
  flush();
}

// What workers tell
// ----------------------------------------------------------------------------------------------------

std::function<void(const frame_reader::frame&)> supervisor::frames_of(worker_process& worker) {
  return [this, &worker](const frame_reader::frame& frame) { on_frame(worker, frame); };
}

void supervisor::on_frame(worker_process& worker, const frame_reader::frame& frame) {
  switch (frame.type) {
    case frame_type::hello:
      return workers_.on_hello(worker, frame.payload);
    case frame_type::results:
      completion_.on_results(worker, worker.unsent_ordinal(), frame.payload);
      retire_worn();
      dispatch();
      return finish_when_done();
    case frame_type::returned:
      completion_.on_returned(worker, worker.unsent_ordinal(), frame.payload);
      recall_unwanted(worker);  // what was handed over meanwhile
      retire_worn();
      dispatch();
      return finish_when_done();
    case frame_type::held:
      return completion_.on_held(worker, frame.payload);
    case frame_type::bye:
      return workers_.on_goodbye(worker, frame.payload);
    case frame_type::startup_error:
      return workers_.on_startup_error(worker, frame.payload);
    case frame_type::setup:
    case frame_type::recall:
    case frame_type::tasks:
    case frame_type::function:
    case frame_type::forget:
      break;
  }
  throw error(failure_kind::protocol, "the worker process sent a frame that is not a worker's");
}

void supervisor::ended(worker_process& worker, const worker_end& end) {
  try {
    if (!(worker.leaving() && worker.tasks.unfinished() == 0) && !control_.aborted()) workers_.judge_end(worker, end);
    completion_.take_finished(worker);
    completion_.take_back(worker, end);
    worker.tasks.clear();
    if (control_.aborted()) cancel_pending();
  } catch (...) {  // of memory
    control_.break_off(std::current_exception());
  }
  try {
    may_start_again();
  } catch (...) {
    break_off(std::current_exception());
  }
}

void supervisor::may_start_again() {
  dispatch();
  finish_when_done();
}

// Dispatch -----------------------------------------------------------------------------------------------------------

void supervisor::dispatch() {
  if (control_.aborted()) return;
  try {
    dispatch_tasks();
  } catch (...) {  // the workers there are still have to be watched to their end
    control_.break_off(std::current_exception());
  }
}

void supervisor::dispatch_tasks() {
  if (checked_out_ > 0 && !may_offer()) reclaim_idle();  // there is anything else to do than calls one by one
  if (pending_.any_suspects()) dispatch_suspects();
  while (dispatch_one_each()) {
  }
  for (const auto& worker : workers_)
    if (worker) fill_up(*worker);
  flush();
  rebalance_tasks();
  consider_offer();
}

/// One round: a task for each worker that has a free place, so that a short source is shared out evenly.
bool supervisor::dispatch_one_each() {
  bool given = false;
  for (std::uint32_t number = 0; number < workers_.size(); ++number) {
    worker_process* const worker = workers_.at(number);
    if (worker ? !rules_.has_place(*worker) : !workers_.may_start()) continue;
    if (!give(number, 1)) return false;
    given = true;
  }
  return given;
}

/// A task that may have killed its worker is tried again by itself: so it takes no other along, and if it does it
/// again, there is no doubt that it was it. When no worker is idle, one gets nothing more until it is.
void supervisor::dispatch_suspects() {
  worker_process* least = nullptr;
  for (std::uint32_t number = 0; number < workers_.size() && pending_.any_suspects(); ++number) {
    worker_process* const worker = workers_.at(number);
    if (!worker && !workers_.may_start()) continue;
    const auto place = worker ? rules_.place_for_suspect(*worker) : dispatch_rules::suspect_place::now;
    if (place == dispatch_rules::suspect_place::when_idle && dispatch_rules::sooner_idle(*worker, least))
      least = worker;
    if (place != dispatch_rules::suspect_place::now) continue;
    if (worker) worker->share = task_share::open;
    if (!hand_over(number, pending_.next_suspect())) continue;  // it is back, for a worker that runs
    workers_.at(number)->share = task_share::alone;
  }
  if (pending_.any_suspects() && least) least->share = task_share::reserved;
}

void supervisor::fill_up(worker_process& worker) {
  const std::uint32_t level = rules_.fill_level(worker);
  while (rules_.may_have_more(worker, level))
    if (!give(worker.number(), level - worker.tasks.unfinished())) return;
}

/// At most so many tasks, starting the worker if need be; false when there are none.
bool supervisor::give(std::uint32_t number, std::uint32_t most) {
  most = rules_.within_life(workers_.at(number), most);
  if (most == 0) return false;
  auto tasks = next_tasks(most);
  return tasks && hand_over(number, *std::move(tasks));
}

std::optional<task_bundle> supervisor::next_tasks(std::uint32_t most) {
  if (pending_.any_returned()) return pending_.next(most, workers_.running());
  if (waiting_for_source_) return std::nullopt;
  task_bundle tasks;
  switch (pull(tasks, most)) {
    case pull_status::item:
      return tasks;
    case pull_status::end:
      break;
    case pull_status::not_ready:
      wait_for_source();
  }
  return std::nullopt;
}

/// What is in quarantine goes no further.
pull_status supervisor::pull(task_bundle& tasks, std::uint32_t most) {
  for (;;) {
    if (retries_.any_held()) most = 1;
    const auto status =
        job_.pull_encoded(tasks.first_index, tasks.inputs, tasks.terms, most, dispatch_rules::most_bytes_ahead);
    if (status != pull_status::item || !retries_.any_held() || tasks.count() != 1 ||
        !retries_.holds(tasks.terms.function, tasks.inputs[0]))
      return status;
    completion_.end_unstarted(tasks.first_index, {.kind = failure_kind::refused_by_policy,
                                                  .message = "the input is in quarantine: workers have died of it"});
    tasks = {};
  }
}

/// Whatever there is no memory for on the way, the tasks are in exactly one place: pending, or the worker's.
bool supervisor::hand_over(std::uint32_t number, task_bundle handed) {
  task_bundle& tasks = pending_.hold(std::move(handed));
  worker_process* const worker = workers_.obtain(number);
  if (!worker) {
    pending_.put_back();
    return workers_.running() > 0 && workers_.may_start();
  }
  if (tasks.terms.limit.count() > 0) watch_deadlines(tasks.terms.limit);
  worker->listens = rules_.places_ahead() > 0;
  const bool large = tasks.inputs.bytes() >= large_inputs;
  worker_outbox& out = worker->outbox;
  out.tell_of(tasks.terms.function, job_);
  const std::size_t before = out.mark();
  try {
    out.write_tasks(worker->tasks.end_ordinal(), worker->listens, tasks, large);
    worker->tasks.add(std::move(tasks));
  } catch (...) {
    out.take_back_to(before);
    throw;
  }
  pending_.let_go();
  if (!large) return true;
  worker->send_outbox();
  worker->send_inputs_of_last();
  return true;
}

void supervisor::flush() {
  for (const auto& worker : workers_)
    if (worker && !worker->outbox.empty()) worker->send_outbox();
}

void supervisor::wait_for_source() {
  if (!source_) open_wait_handle(source_, loop_, job_.source_handle());
  waiting_for_source_ = true;
  source_->async_wait(asio::posix::descriptor_base::wait_read, [this](boost::system::error_code) {
    control_.end_wait();
    waiting_for_source_ = false;
    dispatch();
    finish_when_done();
  });
}

/// Lets workers go that are done with as many tasks as they may have.
void supervisor::retire_worn() {
  for (const auto& worker : workers_) {
    if (!worker || worker->tasks.unfinished() > 0) continue;
    if (worker->share == task_share::alone || !pending_.any_suspects()) worker->share = task_share::open;
    if (rules_.worn(*worker) && !worker->leaving() && !worker->recall_pending) workers_.let_go(*worker);
  }
}

void supervisor::rebalance_tasks() {
  if (control_.aborted() || pending_.any_returned()) return;
  const auto choice = rebalance::among(workers_.records(), workers_.may_start(), rules_);
  if (choice.from) return recall(*workers_.at(choice.from->number()), choice.keep);
  if (!choice.ask_again) return;
  rebalance_timer_.expires_after(dispatch_rules::long_task);
  rebalance_timer_.async_wait([this](boost::system::error_code cancelled) {
    if (!cancelled) rebalance_tasks();
  });
}

void supervisor::recall(worker_process& worker, std::uint32_t keep) {
  worker.recall_pending = true;
  worker.outbox.write_recall(keep);
  worker.send_outbox();
}

/// Has a worker give back what it has not begun, when unwanted tasks are among it: the rest is handed
/// out again.
void supervisor::recall_unwanted(worker_process& worker) {
  if (!pending_.any_cancelled() || worker.leaving() || worker.checked_out() || worker.recall_pending) return;
  const std::uint64_t started = worker.started();
  for (const handed_batch& batch : worker.tasks.batches())
    for (std::uint64_t ordinal = std::max(started, batch.first_ordinal()); ordinal < batch.end_ordinal(); ++ordinal)
      if (!batch.finished(ordinal) && pending_.cancelled(batch.index_of(ordinal))) return recall(worker, 0);
}

// Time limits --------------------------------------------------------------------------------------------------------

/// Sees to limits while there are tasks under way that have one.
void supervisor::watch_deadlines(std::chrono::nanoseconds limit) {
  if (deadlines_.cover(limit)) return;
  deadlines_.note(limit, clock::now());
  arm_deadlines();
}

void supervisor::arm_deadlines() {
  deadline_timer_.expires_after(deadlines_.pause());
  deadline_timer_.async_wait([this](boost::system::error_code cancelled) {
    if (cancelled || finished_) return;
    const bool under_way = std::any_of(workers_.begin(), workers_.end(),
                                       [](const auto& each) { return each && each->tasks.unfinished() > 0; });
    if (under_way)
      check_deadlines();
    else
      deadlines_.rest();
  });
}

void supervisor::check_deadlines() {
  deadlines_.begin_check(clock::now());
  for (const auto& worker : workers_)
    if (worker && deadlines_.over(*worker)) worker->kill();
  arm_deadlines();
}

// Direct calls -------------------------------------------------------------------------------------------------------

void supervisor::serve_direct_calls(direct_call_channels& callers) {
  // Where a worker has several lanes, one call at a time would leave them idle; and what is counted or checked for each
  // task is the supervisor's to see to.
  const auto& how = control_.options().workers;
  if (shape_.threads == 1 && !job_.needs_loops() && how.max_tasks == 0) callers_ = &callers;
}

/// Later, as the worker whose frame is being read may be the one.
void supervisor::consider_offer() {
  if (!may_offer() || offer_posted_ || !callers_->wanted()) return;
  offer_posted_ = true;
  asio::post(loop_, [this] {
    offer_posted_ = false;
    if (!may_offer()) return;
    const auto idle = std::find_if(workers_.begin(), workers_.end(), [&](const auto& worker) {
      return worker && worker->ready() && rules_.may_take(*worker) && worker->tasks.unfinished() == 0 &&
             worker->sent_all();
    });
    if (idle != workers_.end()) offer(**idle);
  });
}

bool supervisor::may_offer() const {
  return callers_ && waiting_for_source_ && pending_.empty() && control_.pulling() && !control_.aborted() &&
         !retries_.any_held();
}

void supervisor::offer(worker_process& worker) {
  callers_->reserve(workers_.size());
  worker.check_out([this](worker_process& gone) {
    try {
      if (callers_->reclaim(*gone.direct)) take_channel_back(gone, nullptr);
    } catch (...) {  // of memory
      control_.break_off(std::current_exception());
    }
  });
  ++checked_out_;
  callers_->offer(*worker.direct);
}

void supervisor::reclaim_idle() {
  for (direct_call_channel* const channel : callers_->reclaim())
    take_channel_back(*workers_.at(channel->worker()), nullptr);
}

void supervisor::check_in(direct_call_channel& channel, task_bundle* under_way) {
  worker_process& worker = *workers_.at(channel.worker());
  try {
    take_channel_back(worker, under_way);
  } catch (const std::bad_alloc&) {  // for the note of the call: the call ends here, and its worker with it
    worker.kill();
    completion_.end_unstarted(under_way->first_index,
                              worded(failure_kind::too_large, [] { return "there is no memory to wait for it"; }));
    take_channel_back(worker, nullptr);
  }
  dispatch();
  finish_when_done();
}

/// Throws `std::bad_alloc` before anything has changed, where there is a task to be noted and no memory for that.
void supervisor::take_channel_back(worker_process& worker, task_bundle* under_way) {
  const auto limit = under_way ? under_way->terms.limit : std::chrono::nanoseconds(0);
  worker.tasks.skip_to(worker.direct->next_ordinal());
  if (under_way) worker.tasks.add(std::move(*under_way));
  --checked_out_;
  cost_.workers[worker.number()].tasks += worker.direct->tasks();
  worker.listens = false;
  worker.check_in();
  try {
    if (limit.count() > 0) watch_deadlines(limit);
    for (const std::uint32_t function : std::exchange(forgotten_, {})) forget(function);
  } catch (const std::bad_alloc&) {  // a function that it does not know could be sent twice
    worker.kill();
  }
  if (control_.aborted()) worker.kill();
}

// The end of the run -------------------------------------------------------------------------------------------------

void supervisor::on_change() {
  if (source_) source_->cancel();
  if (control_.aborted())
    for (const auto& worker : workers_)
      if (worker && (worker->tasks.unfinished() > 0 || worker->checked_out())) worker->kill();
  if (control_.aborted() && checked_out_ > 0) reclaim_idle();  // those in use come back by themselves
  if (control_.aborted()) cancel_pending();
  finish_when_done();
}

/// Workers end together, when nothing can be left for any of them: until then one that dies may leave tasks behind.
void supervisor::finish_when_done() {
  if (!pending_.empty() || (control_.pulling() && !control_.aborted())) return;
  for (const auto& worker : workers_)
    if (worker && (worker->tasks.unfinished() > 0 || worker->checked_out())) return;
  finished_ = true;
  workers_.stop();
  for (const auto& worker : workers_)
    if (worker && !worker->leaving()) workers_.let_go(*worker);
  deadline_timer_.cancel();
  rebalance_timer_.cancel();
  interrupt_.stop();
}

/// Kills workers here as well, since a callback that should do it may not have been called.
void supervisor::break_off(std::exception_ptr why) noexcept {
  try {
    control_.break_off(why);
  } catch (...) {  // NOLINT(bugprone-empty-catch): the run is broken off, although not all observers were called
  }
  try {
    on_change();
  } catch (...) {  // NOLINT(bugprone-empty-catch): what is left is settled in the end
  }
}

/// What is left here after a loop that something broke off: each task still has its outcome.
void supervisor::settle_all() {
  const auto settle = [this](const auto& workers) {
    for (const auto& worker : workers)
      if (worker && !worker->tasks.empty()) {
        worker->kill();
        completion_.take_back(*worker, {.known = false});
      }
  };
  settle(workers_);
  settle(workers_.ended());
  cancel_pending();
}

void supervisor::cancel_pending() {
  pending_.end_all([this] { return worded(failure_kind::cancelled, [this] { return control_.cancelled().message; }); });
}

}  // namespace fanout::detail
