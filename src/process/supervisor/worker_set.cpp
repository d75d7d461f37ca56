#include "process/supervisor/worker_set.hpp"

#include <fanout/core/detail/usage.hpp>

#include "process/worker/worker_settings.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <utility>

namespace fanout::detail {

worker_set::worker_set(asio::io_context& loop, run_control& control, const fanout::shape& shape, bool needs_loops,
                       report& cost, restart_rules& restarts, worker_events& events)
    : loop_(loop),
      control_(control),
      shape_(shape),
      needs_loops_(needs_loops),
      cost_(cost),
      restarts_(restarts),
      events_(events),
      workers_(shape.processes),
      records_(shape.processes),
      ended_(shape.processes),
      start_again_timer_(loop) {
  cost_.processes = 0;
  cost_.workers.resize(shape.processes);
}

void worker_set::add_running(report& cost) const {
  for (const auto& worker : workers_)
    if (worker) {
      auto& own = cost.workers[worker->number()];
      if (worker->direct) own.tasks += worker->direct->tasks();
      own.bytes_sent += worker->bytes_sent();
      own.bytes_received += worker->bytes_received();
      cost.ipc_bytes += worker->bytes_sent() + worker->bytes_received();
      cost.ipc_time += worker->time_moving();
      const auto [cpu, peak] = worker->usage();
      own.cpu += cpu;
      cost.cpu_user += cpu;
      own.peak_rss_bytes = std::max(own.peak_rss_bytes, peak);
      cost.peak_rss_bytes += peak;
    }
}

worker_process* worker_set::obtain(std::uint32_t number) {
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
      start_later(restart_rules::start_again);
    return nullptr;
  }
}

/// The worker is there when all that belongs to it is, or not at all.
void worker_set::start(std::uint32_t number) {
  const worker_options& how = control_.options().workers;
  auto worker = std::make_unique<worker_process>(loop_, number, shape_.threads, how);
  worker->outbox.write_setup(worker_settings::of(how, number), {.threads = shape_.threads,
                                                                .in_flight = shape_.in_flight,
                                                                .first_lane = number * shape_.threads,
                                                                .loops = needs_loops_ ? 1U : 0U,
                                                                .timeline = control_.options().timeline ? 1U : 0U});
  watch_start(*worker);
  begin_attending(*worker);
  workers_[number] = std::move(worker);
  records_[number] = workers_[number].get();
  ++running_;
  cost_.processes = std::max(cost_.processes, running_);
  ++cost_.workers[number].starts;
}

/// In a turn of its own. `co_spawn` on the loop's thread runs a coroutine inside the call up to its first wait, and
/// attending a worker that is dead already has none: its end would be dealt with while it is still being started.
void worker_set::begin_attending(worker_process& worker) {
  asio::post(loop_, [this, &worker] {
    try {
      asio::co_spawn(loop_, attend(worker), asio::detached);
    } catch (...) {
      lose(worker, std::current_exception());
    }
  });
}

task<void> worker_set::attend(worker_process& worker) {
  // If there is no memory for a wait, Asio destroys the coroutine and calls no handler. So does a loop that is
  // destroyed, and then the set may be gone.
  struct attended {
    worker_set& owner;
    worker_process& worker;
    std::weak_ptr<const bool> alive;
    bool to_its_end = false;
    ~attended() {
      if (!to_its_end && !alive.expired()) owner.lose(worker, std::make_exception_ptr(std::bad_alloc()));
    }
  } state{*this, worker, alive_};
  auto watching = worker.watch(events_.frames_of(worker));
  const worker_end end = co_await std::move(watching);
  state.to_its_end = true;
  on_end(worker, end);
}

/// A worker that cannot be attended any more, for want of memory, ends; its tasks have their outcomes.
void worker_set::lose(worker_process& worker, std::exception_ptr why) noexcept {
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

/// A worker that is stopped, or hangs, before it is ready has no task whose limit could tell.
void worker_set::watch_start(worker_process& worker) {
  const auto limit = control_.options().workers.start_timeout;
  if (limit.count() <= 0) return;
  worker.patience.expires_after(limit);
  worker.patience.async_wait(
      [this, number = worker.number(), pid = worker.pid(), limit](boost::system::error_code cancelled) {
        worker_process* const late = workers_[number].get();
        if (cancelled || !late || late->pid() != pid || late->ready()) return;
        startup_error_ = fmt::format("nothing within {:g} s", std::chrono::duration<double>(limit).count());
        late->kill();
      });
}

/// What the system refused now may be had a little later.
void worker_set::start_later(std::chrono::milliseconds pause) {
  start_again_timer_.expires_after(pause);
  start_again_timer_.async_wait([this](boost::system::error_code cancelled) {
    if (cancelled || stopped_) return;
    start_failed_ = false;
    events_.may_start_again();
  });
}

void worker_set::let_go(worker_process& worker) {
  worker.finish_sending();
  if (worker.ready()) watch_leave(worker);
}

/// A worker that is stopped while it has nothing to do, or hangs in its finalizer, would keep the run from its end.
void worker_set::watch_leave(worker_process& worker) {
  const auto& how = control_.options().workers;
  std::chrono::nanoseconds limit = leave_grace;
  if (how.finalizer || (how.start_timeout.count() > 0 && how.start_timeout < limit)) limit = how.start_timeout;
  if (limit.count() <= 0) return;
  worker.patience.expires_after(limit);
  worker.patience.async_wait(
      [this, number = worker.number(), pid = worker.pid(), limit](boost::system::error_code cancelled) {
        worker_process* const late = workers_[number].get();
        if (cancelled || !late || late->pid() != pid || late->state() == worker_state::left) return;
        cost_.workers[number].warning = fmt::format("it did not end within {:g} s of being told to, and was killed",
                                                    std::chrono::duration<double>(limit).count());
        late->kill();
      });
}

void worker_set::stop() {
  stopped_ = true;
  start_again_timer_.cancel();
}

void worker_set::on_hello(worker_process& worker, std::string_view payload) {
  check_hello(payload);
  worker.said_hello();
  worker.patience.cancel();
  if (worker.leaving()) watch_leave(worker);
}

void worker_set::on_startup_error(worker_process& worker, std::string_view payload) {
  startup_error_ = payload.substr(0, longest_text);
  cost_.workers[worker.number()].warning = startup_error_;
  worker.reported_startup_error();
}

void worker_set::on_goodbye(worker_process& worker, std::string_view payload) {
  const auto bye = take_raw<bye_frame>(payload);
  if (!bye) throw error(failure_kind::protocol, "the worker process took its leave in too few bytes");
  if (!worker.leaving() || worker.tasks.unfinished() > 0)
    throw error(failure_kind::protocol, "the worker process took its leave before it was told to");
  worker.said_goodbye();
  cost_.peak_rss_bytes += bye->peak_rss_bytes;
  auto& own = cost_.workers[worker.number()];
  own.peak_rss_bytes = std::max(own.peak_rss_bytes, bye->peak_rss_bytes);
  if (!payload.empty()) own.warning = payload.substr(0, longest_text);
  worker.patience.cancel();
}

void worker_set::on_end(worker_process& worker, const worker_end& end) {
  const std::uint32_t number = worker.number();
  ended_[number] = std::move(workers_[number]);
  records_[number] = nullptr;
  --running_;
  worker.patience.cancel();
  start_failed_ = false;
  book(worker, end);
  events_.ended(worker, end);
}

/// An end that was not asked for: the worker is replaced, but not for ever.
void worker_set::judge_end(const worker_process& worker, const worker_end& end) {
  ++cost_.restarts;
  ++cost_.workers[worker.number()].restarts;
  if (worker.started() > 0 || (worker.ready() && worker.tasks.unfinished() == 0)) return restarts_.began();
  const bool by_others = !worker.killed() && !worker.page().preparing() && restart_rules::sent_by_others(end.signal());
  const auto next = restarts_.failed(by_others, restart_rules::clock::now());
  if (next.give_up) {
    control_.break_off(std::make_exception_ptr(
        std::runtime_error(fmt::format("worker processes do not get ready: the last one {}{}{}",
                                       worker.corrupt() ? "was killed: " + worker.protocol_error : end.text(),
                                       startup_error_.empty() ? "" : ", saying: ", startup_error_))));
  } else if (next.pause.count() > 0) {
    start_failed_ = true;
    start_later(next.pause);
  }
}

void worker_set::book(const worker_process& worker, const worker_end& end) {
  cost_.cpu_user += to_duration(end.used.ru_utime);
  cost_.cpu_system += to_duration(end.used.ru_stime);
  cost_.voluntary_switches += static_cast<std::uint64_t>(end.used.ru_nvcsw);
  cost_.involuntary_switches += static_cast<std::uint64_t>(end.used.ru_nivcsw);
  cost_.ipc_bytes += worker.bytes_sent() + worker.bytes_received();
  cost_.ipc_time += worker.time_moving();
  auto& own = cost_.workers[worker.number()];
  own.cpu += to_duration(end.used.ru_utime) + to_duration(end.used.ru_stime);
  own.bytes_sent += worker.bytes_sent();
  own.bytes_received += worker.bytes_received();
}

}  // namespace fanout::detail
