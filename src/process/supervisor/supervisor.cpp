#include "process/supervisor/supervisor.hpp"

#include <fanout/core/detail/pipeline.hpp>

#include "process/supervisor/worker_runner.hpp"
#include "process/supervisor/worker_usage.hpp"
#include "process/worker/worker_settings.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <system_error>

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
      workers_(ran.processes),
      ended_(ran.processes),
      frames_(ran.processes),
      told_(ran.processes),
      quarantine_(control.options().workers.quarantine_after),
      start_again_timer_(loop_),
      deadline_timer_(loop_),
      balance_timer_(loop_),
      interrupt_(loop_, control) {
  cost_.processes = 0;
  cost_.workers.resize(ran.processes);
  for (std::uint32_t number = 0; number < ran.processes; ++number) patience_.emplace_back(loop_);
}

void supervisor::run() {
  const run_control::observer watch(control_, [this] { asio::post(loop_, [this] { on_change(); }); });
  interrupt_.start();
  deal();
  finish_when_done();
  for (;;) try {
      loop_.run();
      break;
    } catch (...) {  // of memory or descriptors, in the middle of something; those who wait are still to be served
      break_off(std::current_exception());
    }
  settle_all();
}

/// Workers are killed here, as well: whoever else was to be told may not have been.
void supervisor::break_off(std::exception_ptr why) noexcept {
  try {
    control_.break_off(why);
  } catch (...) {  // NOLINT(bugprone-empty-catch): it is broken off, and not everybody was told
  }
  try {
    on_change();
  } catch (...) {  // NOLINT(bugprone-empty-catch): what is left is settled in the end
  }
}

/// What is left here after a loop that something broke off: each task still has its outcome.
void supervisor::settle_all() {
  for (const auto* some : {&workers_, &ended_})
    for (const auto& worker : *some)
      if (worker && !worker->batches.empty()) {
        worker->kill();
        take_back(*worker, {.known = false});
      }
  cancel_returned();
}

void supervisor::post(std::function<void()> what) {
  asio::post(loop_, std::move(what));
}

void supervisor::end_tasks(std::function<bool(std::uint64_t)> whose) {
  unwanted_ = std::move(whose);
  drop_unwanted(returned_);
  drop_unwanted(suspects_);
  for (const auto& worker : workers_) {
    if (!worker) continue;
    const std::uint64_t started = worker->started();
    bool some = false;
    bool others = false;
    for (const handed_batch& batch : worker->batches) {
      const std::uint64_t end = std::min(started, batch.end_ordinal());
      for (std::uint64_t ordinal = batch.front_ordinal(); ordinal < end; ++ordinal)
        if (!batch.finished(ordinal)) (unwanted_(batch.index_of(ordinal)) ? some : others) = true;
    }
    if (some && !others)
      worker->kill();
    else
      call_back_unwanted(*worker);
  }
  deal();
  finish_when_done();
}

void supervisor::forget(std::uint32_t function) {
  if (lent_ > 0) forgotten_.push_back(function);  // some may be told when they are back
  for (std::uint32_t number = 0; number < workers_.size(); ++number) {
    if (workers_[number] && workers_[number]->direct) continue;
    if (told_[number].erase(function) == 0 || !workers_[number] || workers_[number]->finishing) continue;
    frame_writer frame(frames_[number], frame_type::forget);
    append_raw(frames_[number], forget_frame{function});
    frame.close();
  }
  flush();
}

void supervisor::add_running(report& cost) const {
  for (const auto& worker : workers_)
    if (worker) {
      auto& own = cost.workers[worker->number()];
      if (worker->direct) own.tasks += worker->direct->tasks();
      own.bytes_sent += worker->bytes_sent();
      own.bytes_received += worker->bytes_received();
      cost.ipc_bytes += worker->bytes_sent() + worker->bytes_received();
      cost.ipc_time += worker->time_moving();
      const auto [cpu, peak] = usage_of(worker->pid());
      own.cpu += cpu;
      cost.cpu_user += cpu;
      own.peak_rss_bytes = std::max(own.peak_rss_bytes, peak);
      cost.peak_rss_bytes += peak;
    }
}

// Workers -----------------------------------------------------------------------------------------------------------

worker_process* supervisor::worker_for(std::uint32_t number) {
  if (workers_[number]) return workers_[number].get();
  if (start_failed_) return nullptr;
  try {
    start(number);
    return workers_[number].get();
  } catch (const std::exception&) {  // what the system refuses: std::system_error, Boost's, std::bad_alloc
    start_failed_ = true;            // the workers there are will have to do, for a while
    if (running_ == 0)
      control_.break_off(std::current_exception());
    else
      start_later(start_again);
    return nullptr;
  }
}

/// The worker is there when all that belongs to it is, or not at all.
void supervisor::start(std::uint32_t number) {
  auto worker = std::make_unique<worker_process>(loop_, number, shape_.threads, control_.options().workers);
  told_[number].clear();
  try {
    set_up(*worker);
    watch_start(*worker);
    begin_attending(*worker);
  } catch (...) {
    frames_[number].clear();
    patience_[number].cancel();
    throw;
  }
  workers_[number] = std::move(worker);
  ++running_;
  cost_.processes = std::max(cost_.processes, running_);
  ++cost_.workers[number].starts;
}

/// In a turn of its own. `co_spawn` on the loop's thread runs a coroutine inside the call up to its first wait, and
/// attending a worker that is dead already has none: its end would be dealt with while it is still being started.
void supervisor::begin_attending(worker_process& worker) {
  asio::post(loop_, [this, &worker] {
    try {
      asio::co_spawn(loop_, attend(worker), asio::detached);
    } catch (...) {
      lose(worker, std::current_exception());
    }
  });
}

/// A worker that cannot be attended any more, for want of memory, ends; its tasks have their outcomes.
void supervisor::lose(worker_process& worker, std::exception_ptr why) noexcept {
  if (workers_[worker.number()].get() != &worker) return;
  try {
    worker.kill();
    control_.break_off(why);
  } catch (...) {  // NOLINT(bugprone-empty-catch): the run is over all the same
  }
  try {
    on_end(worker, {.known = false});
  } catch (...) {  // NOLINT(bugprone-empty-catch): what is left is settled in the end
  }
}

void supervisor::set_up(worker_process& worker) {
  std::string& frames = frames_[worker.number()];
  worker_settings::of(control_.options().workers, worker.number())
      .write_setup(frames, {.threads = shape_.threads,
                            .in_flight = shape_.in_flight,
                            .first_lane = worker.number() * shape_.threads,
                            .loops = job_.needs_loops() ? 1U : 0U,
                            .timeline = control_.options().timeline ? 1U : 0U});
}

/// A worker that is stopped, or hangs, before it is ready has no task whose limit could tell.
void supervisor::watch_start(worker_process& worker) {
  const auto limit = control_.options().workers.start_timeout;
  if (limit.count() <= 0) return;
  auto& timer = patience_[worker.number()];
  timer.expires_after(limit);
  timer.async_wait([this, number = worker.number(), pid = worker.pid(), limit](boost::system::error_code cancelled) {
    worker_process* const late = workers_[number].get();
    if (cancelled || !late || late->pid() != pid || late->ready) return;
    startup_error_ = fmt::format("nothing within {:g} s", std::chrono::duration<double>(limit).count());
    late->kill();
  });
}

/// What the system refused now may be had a little later.
void supervisor::start_later(std::chrono::milliseconds pause) {
  start_again_timer_.expires_after(pause);
  start_again_timer_.async_wait([this](boost::system::error_code cancelled) {
    if (cancelled || finished_) return;
    start_failed_ = false;
    deal();
    finish_when_done();
  });
}

void supervisor::let_go(worker_process& worker) {
  worker.finish_sending();
  if (worker.ready) watch_leave(worker);
}

/// A worker that is stopped while it has nothing to do, or hangs in its finalizer, would keep the run from its end.
void supervisor::watch_leave(worker_process& worker) {
  const auto& how = control_.options().workers;
  std::chrono::nanoseconds limit = leave_grace;
  if (how.finalizer || (how.start_timeout.count() > 0 && how.start_timeout < limit)) limit = how.start_timeout;
  if (limit.count() <= 0) return;
  auto& timer = patience_[worker.number()];
  timer.expires_after(limit);
  timer.async_wait([this, number = worker.number(), pid = worker.pid(), limit](boost::system::error_code cancelled) {
    worker_process* const late = workers_[number].get();
    if (cancelled || !late || late->pid() != pid || late->said_bye) return;
    cost_.workers[number].warning = fmt::format("it did not end within {:g} s of being told to, and was killed",
                                                std::chrono::duration<double>(limit).count());
    late->kill();
  });
}

task<void> supervisor::attend(worker_process& worker) {
  // Where there is no memory for a wait, Asio destroys the coroutine, and tells nobody.
  struct attended {
    supervisor& owner;
    worker_process& worker;
    bool to_its_end = false;
    ~attended() {
      if (!to_its_end) owner.lose(worker, std::make_exception_ptr(std::bad_alloc()));
    }
  } state{*this, worker};
  auto watching = worker.watch([this, &worker](const frame_reader::frame& frame) { on_frame(worker, frame); });
  const worker_end end = co_await std::move(watching);
  state.to_its_end = true;
  try {
    on_end(worker, end);
  } catch (...) {
    break_off(std::current_exception());
  }
}

void supervisor::on_frame(worker_process& worker, const frame_reader::frame& frame) {
  auto payload = frame.payload;
  switch (frame.type) {
    case frame_type::hello: {
      check_hello(payload);
      worker.ready = true;
      patience_[worker.number()].cancel();
      if (worker.finishing) watch_leave(worker);
      return;
    }
    case frame_type::results:
      return on_results(worker, payload);
    case frame_type::bye: {
      const auto bye = take_raw<bye_frame>(payload);
      if (!bye) throw error(failure_kind::protocol, "the worker process took its leave in too few bytes");
      if (!worker.finishing || worker.unfinished > 0)
        throw error(failure_kind::protocol, "the worker process took its leave before it was told to");
      worker.said_bye = true;
      cost_.peak_rss_bytes += bye->peak_rss_bytes;
      auto& own = cost_.workers[worker.number()];
      own.peak_rss_bytes = std::max(own.peak_rss_bytes, bye->peak_rss_bytes);
      if (!payload.empty()) own.warning = payload.substr(0, longest_text);
      patience_[worker.number()].cancel();
      return;
    }
    case frame_type::startup_error:
      startup_error_ = payload.substr(0, longest_text);
      cost_.workers[worker.number()].warning = startup_error_;
      worker.ready = false;
      return;
    case frame_type::held:
      return on_held(worker, payload);
    case frame_type::returned:
      return on_returned(worker, payload);
    case frame_type::setup:
    case frame_type::recall:
    case frame_type::tasks:
    case frame_type::function:
    case frame_type::forget:
      break;
  }
  throw error(failure_kind::protocol, "the worker process sent a frame that is not a worker's");
}

void supervisor::on_change() {
  if (source_) source_->cancel();
  if (control_.aborted())
    for (const auto& worker : workers_)
      if (worker && (worker->unfinished > 0 || worker->direct)) worker->kill();
  if (control_.aborted() && lent_ > 0) reclaim_idle();  // those in use come back by themselves
  if (control_.aborted()) cancel_returned();
  finish_when_done();
}

}  // namespace fanout::detail
