#include "process/worker_crew.hpp"

#include <fanout/core/pipeline.hpp>

#include "process/worker_runner.hpp"
#include "process/worker_settings.hpp"
#include "process/worker_usage.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <system_error>

namespace fanout::detail {
namespace {

using clock = std::chrono::steady_clock;

std::chrono::nanoseconds to_duration(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

std::uint32_t place_in(const handed_batch& batch, std::uint64_t ordinal) {
  return static_cast<std::uint32_t>(ordinal - batch.first_ordinal());
}

clock::time_point from_ns(std::int64_t ns) {
  return clock::time_point(std::chrono::nanoseconds(ns));
}

}  // namespace

worker_runner& worker_runner::instance() {
  static worker_runner only;
  return only;
}

void worker_runner::run(run_control& control, remote_job& job, const fanout::shape& ran, report& cost) {
  worker_crew(control, job, ran, cost).run();
}

worker_crew::worker_crew(run_control& control, remote_job& job, const fanout::shape& ran, report& cost)
    : control_(control),
      job_(job),
      shape_(ran),
      cost_(cost),
      workers_(ran.processes),
      frames_(ran.processes),
      told_(ran.processes),
      quarantine_(control.options().workers.quarantine_after),
      deadline_timer_(loop_),
      balance_timer_(loop_),
      interrupt_(loop_, control) {
  cost_.processes = 0;
  cost_.workers.resize(ran.processes);
  for (std::uint32_t number = 0; number < ran.processes; ++number) start_timers_.emplace_back(loop_);
}

void worker_crew::run() {
  const run_control::observer watch(control_, [this] { asio::post(loop_, [this] { on_change(); }); });
  interrupt_.start();
  deal();
  finish_when_done();
  loop_.run();
  cancel_returned();
}

void worker_crew::post(std::function<void()> what) {
  asio::post(loop_, std::move(what));
}

void worker_crew::end_tasks(const std::function<bool(std::uint64_t)>& whose) {
  for (const auto& worker : workers_) {
    if (!worker) continue;
    const std::uint64_t started = worker->started();
    bool some = false;
    bool others = false;
    for (const handed_batch& batch : worker->batches) {
      const std::uint64_t end = std::min(started, batch.end_ordinal());
      for (std::uint64_t ordinal = batch.front_ordinal(); ordinal < end; ++ordinal)
        if (!batch.finished(ordinal)) (whose(batch.index_of(ordinal)) ? some : others) = true;
    }
    if (some && !others) worker->kill();
  }
}

void worker_crew::forget(std::uint32_t function) {
  for (std::uint32_t number = 0; number < workers_.size(); ++number) {
    if (told_[number].erase(function) == 0 || !workers_[number] || workers_[number]->finishing) continue;
    frame_writer frame(frames_[number], frame_type::forget);
    append_raw(frames_[number], forget_frame{function});
    frame.close();
  }
  flush();
}

void worker_crew::add_running(report& cost) const {
  for (const auto& worker : workers_)
    if (worker) {
      auto& own = cost.workers[worker->number()];
      own.bytes_sent += worker->bytes_sent();
      own.bytes_received += worker->bytes_received();
      cost.ipc_bytes += worker->bytes_sent() + worker->bytes_received();
      const auto [cpu, peak] = usage_of(worker->pid());
      own.cpu += cpu;
      cost.cpu_user += cpu;
      own.peak_rss_bytes = std::max(own.peak_rss_bytes, peak);
      cost.peak_rss_bytes += peak;
    }
}

// Handing out -------------------------------------------------------------------------------------------------------

void worker_crew::deal() {
  if (control_.aborted()) return;
  try {
    deal_tasks();
  } catch (...) {  // the workers there are still have to be watched to their end
    control_.break_off(std::current_exception());
  }
}

void worker_crew::deal_tasks() {
  if (!suspects_.empty()) deal_suspects();
  while (deal_one_each()) {
  }
  for (const auto& worker : workers_)
    if (worker && !worker->finishing) fill_up(*worker);
  flush();
  balance();
}

/// One round: a task for each worker that has a free place, so that a short source is shared out evenly.
bool worker_crew::deal_one_each() {
  bool given = false;
  for (std::uint32_t number = 0; number < workers_.size(); ++number) {
    const auto& worker = workers_[number];
    if (worker ? !may_take(*worker) || worker->unfinished >= places() : start_failed_) continue;
    if (!give(number, 1)) return false;
    given = true;
  }
  return given;
}

/// While tasks are called back from a worker it gets no others: those would have the same ordinals.
bool worker_crew::may_take(const worker_process& worker) const {
  return !worker.finishing && !worker.recalled && !worker.alone && !worker.reserved && !worn(worker);
}

/// A task that may have killed its worker is tried again by itself: so it takes no other along, and if it does it
/// again, there is no doubt that it was it. When no worker is idle, one gets nothing more until it is.
void worker_crew::deal_suspects() {
  worker_process* least = nullptr;
  for (std::uint32_t number = 0; number < workers_.size() && !suspects_.empty(); ++number) {
    worker_process* const worker = workers_[number].get();
    if (worker) {
      if (worker->finishing || worker->recalled || worker->alone || worn(*worker)) continue;
      if (worker->unfinished > 0) {
        if (!least || worker->reserved || worker->unfinished < least->unfinished) least = worker;
        continue;
      }
      worker->reserved = false;
    } else if (start_failed_) {
      continue;
    }
    task_bundle suspect = std::move(suspects_.front());
    suspects_.pop_front();
    if (!hand_over(number, std::move(suspect))) return;
    workers_[number]->alone = true;
  }
  if (!suspects_.empty() && least) least->reserved = true;
}

bool worker_crew::worn(const worker_process& worker) const {
  const auto most = control_.options().workers.max_tasks;
  return most > 0 && worker.end_ordinal >= most;
}

/// Lets workers go that are done with as many tasks as they may have.
void worker_crew::retire_worn() {
  for (const auto& worker : workers_) {
    if (!worker || worker->unfinished > 0) continue;
    worker->alone = false;
    if (suspects_.empty()) worker->reserved = false;
    if (worn(*worker) && !worker->finishing && !worker->recalled) worker->finish_sending();
  }
}

void worker_crew::fill_up(worker_process& worker) {
  const std::uint32_t most = places() + places_ahead();
  if (!may_take(worker) || worker.unfinished > most - places_ahead() / 2) return;  // in batches, not one by one
  if (worker.unfinished >= places() && stands_still(worker)) return;
  while (worker.unfinished < most && worker.unfinished_bytes < most_bytes_ahead)
    if (!give(worker.number(), most - worker.unfinished)) return;
}

std::uint32_t worker_crew::places_ahead() const {
  if (mean_task_.count() <= 0) return 0;
  const std::int64_t tasks = std::chrono::nanoseconds(ahead) / mean_task_ * places();
  return static_cast<std::uint32_t>(std::min<std::int64_t>(tasks, most_ahead));
}

bool worker_crew::give(std::uint32_t number, std::uint32_t most) {
  if (const auto life = control_.options().workers.max_tasks; life > 0) {
    const std::uint64_t had = workers_[number] ? workers_[number]->end_ordinal : 0;
    most = static_cast<std::uint32_t>(std::min<std::uint64_t>(most, life - had));
    if (most == 0) return false;
  }
  auto tasks = next_tasks(most);
  return tasks && hand_over(number, *std::move(tasks));
}

bool worker_crew::hand_over(std::uint32_t number, task_bundle tasks) {
  worker_process* const worker = worker_for(number);
  if (!worker) {
    (tasks.deaths > 0 ? suspects_ : returned_).push_front(std::move(tasks));
    return running_ > 0 && !start_failed_;
  }
  tell_of(tasks.terms.function, number);
  if (tasks.terms.limit.count() > 0) watch_deadlines(tasks.terms.limit);
  frame_writer frame(frames_[number], frame_type::tasks);
  append_raw(frames_[number], tasks_frame{.first_ordinal = worker->end_ordinal,
                                          .limit_ns = tasks.terms.limit.count(),
                                          .function = tasks.terms.function,
                                          .count = tasks.count(),
                                          .each = tasks.inputs.each()});
  tasks.inputs.append_to(frames_[number]);
  frame.close();
  worker->unfinished += tasks.count();
  worker->unfinished_bytes += tasks.inputs.bytes();
  const std::uint64_t first = worker->end_ordinal;
  worker->end_ordinal += tasks.count();
  worker->batches.emplace_back(first, std::move(tasks));
  return true;
}

void worker_crew::tell_of(std::uint32_t function, std::uint32_t number) {
  if (!told_[number].insert(function).second) return;
  const remote_callable told = job_.function(function);
  frame_writer frame(frames_[number], frame_type::function);
  append_raw(frames_[number], function_frame{.number = function,
                                             .name_bytes = static_cast<std::uint32_t>(told.name.size()),
                                             .vital = function == 0 ? 1U : 0U});
  frames_[number] += told.name;
  frames_[number] += told.context;
  frame.close();
}

std::optional<task_bundle> worker_crew::next_tasks(std::uint32_t most) {
  if (!returned_.empty()) {
    task_bundle& front = returned_.front();
    const std::uint32_t share = std::min(most, front.count() / std::max(running_, 1U) + 1);
    if (share < front.count()) {
      task_bundle tasks = front.part(0, share);
      front = front.part(share, front.count());
      return tasks;
    }
    task_bundle tasks = std::move(front);
    returned_.pop_front();
    return tasks;
  }
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
pull_status worker_crew::pull(task_bundle& tasks, std::uint32_t most) {
  for (;;) {
    if (quarantine_.any_held()) most = 1;
    const auto status = job_.pull_encoded(tasks.first_index, tasks.inputs, tasks.terms, most, most_bytes_ahead);
    if (status != pull_status::item || !quarantine_.any_held() || tasks.count() != 1 ||
        !quarantine_.holds(tasks.terms.function, tasks.inputs[0]))
      return status;
    outcome_facts facts;
    facts.index = tasks.first_index;
    facts.finished = facts.started = clock::now();
    job_.deliver_failure(facts, {.kind = failure_kind::refused_by_policy,
                                 .message = "the input is in quarantine: workers have died of it"});
    tasks = {};
  }
}

worker_process* worker_crew::worker_for(std::uint32_t number) {
  if (workers_[number]) return workers_[number].get();
  if (start_failed_) return nullptr;
  try {
    workers_[number] = std::make_unique<worker_process>(loop_, number, shape_.threads, control_.options().workers);
  } catch (const std::runtime_error&) {  // what the system refuses: std::system_error, or Boost's
    start_failed_ = true;                // the workers there are will have to do
    if (running_ == 0) control_.break_off(std::current_exception());
    return nullptr;
  }
  ++running_;
  cost_.processes = std::max(cost_.processes, running_);
  ++cost_.workers[number].starts;
  worker_process& worker = *workers_[number];
  told_[number].clear();
  set_up(worker);
  watch_start(worker);
  asio::co_spawn(loop_, attend(worker), [this](std::exception_ptr failed) {
    if (failed) control_.break_off(failed);
  });
  return &worker;
}

void worker_crew::set_up(worker_process& worker) {
  std::string& frames = frames_[worker.number()];
  frame_writer setup(frames, frame_type::setup);
  append_raw(frames, hello_frame{});
  append_raw(frames, setup_frame{.threads = shape_.threads,
                                 .in_flight = shape_.in_flight,
                                 .first_lane = worker.number() * shape_.threads,
                                 .loops = job_.needs_loops() ? 1U : 0U});
  worker_settings::of(control_.options().workers, worker.number()).encode(frames);
  setup.close();
}

/// A worker that is stopped, or hangs, before it is ready has no task whose limit could tell.
void worker_crew::watch_start(worker_process& worker) {
  const auto limit = control_.options().workers.start_timeout;
  if (limit.count() <= 0) return;
  auto& timer = start_timers_[worker.number()];
  timer.expires_after(limit);
  timer.async_wait([this, number = worker.number(), pid = worker.pid(), limit](boost::system::error_code cancelled) {
    worker_process* const late = workers_[number].get();
    if (cancelled || !late || late->pid() != pid || late->ready) return;
    refusal_ = fmt::format("nothing within {:g} s", std::chrono::duration<double>(limit).count());
    late->kill();
  });
}

void worker_crew::flush() {
  for (std::size_t number = 0; number < workers_.size(); ++number) {
    if (frames_[number].empty()) continue;
    if (workers_[number]) workers_[number]->send(frames_[number]);
    frames_[number].clear();
  }
}

/// Workers end together, when nothing can be left for any of them: until then one that dies may leave tasks behind.
void worker_crew::finish_when_done() {
  if (!returned_.empty() || !suspects_.empty() || (control_.pulling() && !control_.aborted())) return;
  for (const auto& worker : workers_)
    if (worker && worker->unfinished > 0) return;
  finished_ = true;
  for (const auto& worker : workers_)
    if (worker && !worker->finishing) worker->finish_sending();
  deadline_timer_.cancel();
  balance_timer_.cancel();
  interrupt_.stop();
}

void worker_crew::wait_for_source() {
  if (!source_) source_.emplace(loop_, open_wait_handle(job_.source_handle()));
  waiting_for_source_ = true;
  source_->async_wait(asio::posix::descriptor_base::wait_read, [this](boost::system::error_code) {
    control_.end_wait();
    waiting_for_source_ = false;
    deal();
    finish_when_done();
  });
}

// Evening out -------------------------------------------------------------------------------------------------------

/// When a worker has nothing to do and there is nothing to give it, the one that has most waiting gives half of it
/// back, if that is worth a round trip. Tasks that are not worth it are soon done, unless one of them turns out long;
/// so this looks again a little later.
void worker_crew::balance() {
  if (control_.aborted() || !returned_.empty()) return;
  const auto idle = [&](const auto& worker) { return worker && may_take(*worker) && worker->unfinished < places(); };
  if (std::none_of(workers_.begin(), workers_.end(), idle)) return;
  worker_process* fullest = nullptr;
  std::uint64_t most_waiting = 0;
  for (const auto& worker : workers_) {
    if (!worker || !may_take(*worker) || worker->unfinished <= places()) continue;
    const std::uint64_t waiting = worker->end_ordinal - worker->started();
    if (waiting <= most_waiting) continue;
    most_waiting = waiting;
    fullest = worker.get();
  }
  if (!fullest) return;
  if (mean_task_ * static_cast<std::int64_t>(most_waiting) / places() > worth_recalling || stands_still(*fullest))
    return recall(*fullest, static_cast<std::uint32_t>(most_waiting / 2));
  balance_timer_.expires_after(worth_recalling);
  balance_timer_.async_wait([this](boost::system::error_code cancelled) {
    if (!cancelled) balance();
  });
}

/// Whether all lanes of a worker have been at their tasks for long enough that what waits behind them is held up.
bool worker_crew::stands_still(const worker_process& worker) const {
  const auto now = clock::now();
  for (std::uint32_t lane = 0; lane < shape_.threads; ++lane) {
    const auto& state = worker.page().lane(lane);
    if (state.task.load(std::memory_order_acquire) == 0) return false;
    if (now - from_ns(state.started_ns.load(std::memory_order_relaxed)) < worth_recalling) return false;
  }
  return true;
}

void worker_crew::recall(worker_process& worker, std::uint32_t keep) {
  worker.recalled = true;
  std::string bytes;
  frame_writer frame(bytes, frame_type::recall);
  append_raw(bytes, recall_frame{.keep = keep});
  frame.close();
  worker.send(bytes);
}

void worker_crew::on_returned(worker_process& worker, std::string_view payload) {
  const auto returned = take_raw<returned_frame>(payload);
  if (!returned || !worker.recalled || returned->from > worker.end_ordinal || returned->from < worker.front_ordinal())
    throw error(failure_kind::protocol, "the worker process gave back tasks that it was not asked for");
  worker.recalled = false;
  std::deque<task_bundle> taken;
  while (!worker.batches.empty() && worker.batches.back().end_ordinal() > returned->from) {
    handed_batch& last = worker.batches.back();
    taken.push_front(last.cut(std::max(returned->from, last.first_ordinal())));
    worker.unfinished -= taken.front().count();
    worker.unfinished_bytes -= taken.front().inputs.bytes();
    if (last.tasks().count() > 0) break;
    worker.batches.pop_back();
  }
  worker.end_ordinal = returned->from;
  returned_.insert(returned_.end(), std::make_move_iterator(taken.begin()), std::make_move_iterator(taken.end()));
  retire_worn();
  deal();
  finish_when_done();
}

// Taking back -------------------------------------------------------------------------------------------------------

task<void> worker_crew::attend(worker_process& worker) {
  auto watching = worker.watch([this, &worker](const frame_reader::frame& frame) { on_frame(worker, frame); });
  const worker_end end = co_await std::move(watching);
  on_end(worker, end);
}

void worker_crew::on_frame(worker_process& worker, const frame_reader::frame& frame) {
  auto payload = frame.payload;
  switch (frame.type) {
    case frame_type::hello: {
      const auto hello = take_raw<hello_frame>(payload);
      const std::string why = hello ? mismatch(*hello, "worker process") : "the worker process said no hello";
      if (!why.empty()) throw error(failure_kind::protocol, why);
      worker.ready = true;
      start_timers_[worker.number()].cancel();
      return;
    }
    case frame_type::results:
      return on_results(worker, payload);
    case frame_type::bye: {
      const auto bye = take_raw<bye_frame>(payload);
      if (!bye) throw error(failure_kind::protocol, "the worker process took its leave in too few bytes");
      worker.said_bye = true;
      cost_.peak_rss_bytes += bye->peak_rss_bytes;
      auto& own = cost_.workers[worker.number()];
      own.peak_rss_bytes = std::max(own.peak_rss_bytes, bye->peak_rss_bytes);
      return;
    }
    case frame_type::refusal:
      refusal_ = payload;
      worker.ready = false;
      return;
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

void worker_crew::on_results(worker_process& worker, std::string_view payload) {
  while (!payload.empty()) {
    const auto results = take_results(payload);
    if (!results) throw error(failure_kind::protocol, "the worker process sent a result that ends too soon");
    on_run(worker, *results);
  }
  retire_worn();
  deal();
  finish_when_done();
}

void worker_crew::on_run(worker_process& worker, const received_results& results) {
  const results_header& header = results.header;
  handed_batch* const batch = worker.batch_of(header.first_ordinal);
  if (!batch || header.count > batch->end_ordinal() - header.first_ordinal)
    throw error(failure_kind::protocol, "the worker process sent a result of a task it does not have");
  failure reason;  // read before anything is booked: it may be corrupt
  if (!header.ok) reason = decode_failure(results.values[0]);
  if (!batch->finish(header.first_ordinal, header.first_ordinal + header.count))
    throw error(failure_kind::protocol, "the worker process sent a result of a task it has finished");
  outcome_facts facts;
  facts.index = batch->index_of(header.first_ordinal);
  facts.lane = header.lane;
  facts.started = from_ns(header.started_ns);
  facts.finished = from_ns(header.finished_ns);
  facts.cpu = std::chrono::nanoseconds(header.cpu_ns);
  worker.unfinished -= header.count;
  for (std::uint32_t i = 0; i < header.count && batch->tasks().inputs.each() == varying_size; ++i)
    worker.unfinished_bytes -= batch->tasks().inputs[place_in(*batch, header.first_ordinal) + i].size();
  if (batch->tasks().inputs.each() != varying_size)
    worker.unfinished_bytes -= std::size_t{header.count} * batch->tasks().inputs.each();
  while (!worker.batches.empty() && worker.batches.front().unfinished() == 0) worker.batches.pop_front();
  failed_starts_ = 0;
  cost_.workers[worker.number()].tasks += header.count;

  const std::int64_t count = header.count;
  const auto took = std::max<std::chrono::nanoseconds>(facts.elapsed() / count, std::chrono::nanoseconds(1));
  mean_task_ =
      mean_task_.count() == 0 ? took : mean_task_ + (took - mean_task_) * std::min<std::int64_t>(count, 16) / 16;
  try {
    if (header.ok)
      job_.deliver_results({facts, results.ends, results.values});
    else
      job_.deliver_failure(facts, std::move(reason));
  } catch (...) {  // not the worker's doing
    control_.break_off(std::current_exception());
  }
}

void worker_crew::on_end(worker_process& worker, const worker_end& end) {
  book(worker, end);
  start_timers_[worker.number()].cancel();
  const bool expected = worker.finishing && worker.unfinished == 0;
  if (!expected && !control_.aborted()) {
    ++cost_.restarts;
    ++cost_.workers[worker.number()].restarts;
    // One that dies before it has begun any of its tasks would be replaced for ever.
    const bool useless = !worker.ready || (worker.started() == 0 && worker.unfinished > 0);
    if (useless && ++failed_starts_ >= most_failed_starts)
      control_.break_off(std::make_exception_ptr(
          std::runtime_error(fmt::format("worker processes do not get ready: the last one {}{}{}", end.text(),
                                         refusal_.empty() ? "" : ", saying: ", refusal_))));
  }
  take_back(worker, end);
  const std::uint32_t number = worker.number();
  frames_[number].clear();
  --running_;
  // Its socket was closed with a write perhaps still waiting; that coroutine ends first, then the object.
  asio::post(loop_, [gone = std::shared_ptr<worker_process>(std::move(workers_[number]))] {});
  start_failed_ = false;
  if (control_.aborted()) cancel_returned();
  deal();
  finish_when_done();
}

/// What a worker leaves behind: tasks that it had started end with it, the others go to other workers.
void worker_crew::take_back(worker_process& worker, const worker_end& end) {
  const std::uint64_t started = control_.aborted() ? worker.end_ordinal : worker.started();
  std::deque<task_bundle> not_started;
  std::uint64_t under_way = 0;
  for (handed_batch& batch : worker.batches) {
    const std::uint64_t from = std::max(started, batch.first_ordinal());
    if (from < batch.end_ordinal()) (batch.tasks().deaths > 0 ? suspects_ : not_started).push_back(batch.cut(from));
    under_way += batch.unfinished();
  }
  for (const handed_batch& batch : worker.batches)
    for (std::uint64_t ordinal = batch.front_ordinal(); ordinal < batch.end_ordinal(); ++ordinal)
      if (!batch.finished(ordinal) && !try_again(worker, batch, ordinal, under_way == 1))
        settle(worker, end, batch, ordinal);
  returned_.insert(returned_.begin(), std::make_move_iterator(not_started.begin()),
                   std::make_move_iterator(not_started.end()));
}

/// Whether a task whose worker died at it gets another.
bool worker_crew::try_again(worker_process& worker, const handed_batch& batch, std::uint64_t ordinal, bool alone) {
  if (control_.aborted() || (worker.killed_for_time && ordinal >= worker.overdue_from && ordinal < worker.overdue_to))
    return false;
  const std::uint32_t place = place_in(batch, ordinal);
  const bool held = alone && quarantine_.note(batch.tasks().terms.function, batch.tasks().inputs[place]);
  if (held || batch.tasks().deaths >= control_.options().workers.retries) return false;
  suspects_.push_back(batch.tasks().part(place, place + 1));
  ++suspects_.back().deaths;
  return true;
}

/// The outcome of a task whose worker is gone.
void worker_crew::settle(worker_process& worker, const worker_end& end, const handed_batch& batch,
                         std::uint64_t ordinal) {
  outcome_facts facts;
  facts.index = batch.index_of(ordinal);
  facts.lane = worker.number() * shape_.threads;
  facts.finished = facts.started = clock::now();
  for (std::uint32_t lane = 0; lane < shape_.threads; ++lane) {
    const auto& state = worker.page().lane(lane);
    if (state.task.load(std::memory_order_acquire) != ordinal + 1) continue;
    facts.started = from_ns(state.started_ns.load(std::memory_order_relaxed));
    facts.lane += lane;
    break;
  }
  failure reason;
  if (worker.killed_for_time && ordinal >= worker.overdue_from && ordinal < worker.overdue_to) {
    reason = control_.timed_out(batch.tasks().terms.limit, "; its worker process was killed");
  } else if (control_.aborted()) {
    reason = control_.cancelled();
  } else {
    reason.kind = failure_kind::worker_died;
    reason.signal = end.signal();
    if (worker.killed_for_time)
      reason.message = "its worker process was killed because another of its tasks was over its limit";
    else if (worker.corrupt())
      reason.message = fmt::format("its worker process was killed: {}", worker.complaint());
    else
      reason.message = fmt::format("its worker process {} in mid-task", end.text());
  }
  reason.attempts = static_cast<int>(batch.tasks().deaths) + 1;
  job_.deliver_failure(facts, std::move(reason));
}

void worker_crew::book(const worker_process& worker, const worker_end& end) {
  cost_.cpu_user += to_duration(end.used.ru_utime);
  cost_.cpu_system += to_duration(end.used.ru_stime);
  cost_.voluntary_switches += static_cast<std::uint64_t>(end.used.ru_nvcsw);
  cost_.involuntary_switches += static_cast<std::uint64_t>(end.used.ru_nivcsw);
  cost_.ipc_bytes += worker.bytes_sent() + worker.bytes_received();
  auto& own = cost_.workers[worker.number()];
  own.cpu += to_duration(end.used.ru_utime) + to_duration(end.used.ru_stime);
  own.bytes_sent += worker.bytes_sent();
  own.bytes_received += worker.bytes_received();
}

void worker_crew::cancel_returned() {
  returned_.insert(returned_.end(), std::make_move_iterator(suspects_.begin()),
                   std::make_move_iterator(suspects_.end()));
  suspects_.clear();
  for (; !returned_.empty(); returned_.pop_front())
    for (std::uint32_t i = 0; i < returned_.front().count(); ++i) {
      outcome_facts facts;
      facts.index = returned_.front().first_index + i;
      facts.finished = facts.started = clock::now();
      job_.deliver_failure(facts, control_.cancelled());
    }
}

void worker_crew::on_change() {
  if (source_) source_->cancel();
  if (control_.aborted())
    for (const auto& worker : workers_)
      if (worker && worker->unfinished > 0) worker->kill();
  if (control_.aborted()) cancel_returned();
  finish_when_done();
}

/// Sees to limits while there are tasks under way that have one.
void worker_crew::watch_deadlines(std::chrono::nanoseconds limit) {
  if (shortest_limit_.count() == 0) {
    shortest_limit_ = limit;
    deadlines_checked_ = clock::now();
    check_deadlines();
  } else if (limit < shortest_limit_) {
    shortest_limit_ = limit;
    deadline_timer_.cancel();  // which may be too far away
    check_deadlines();
  }
}

void worker_crew::check_deadlines() {
  if (finished_) return;
  const auto pause = std::clamp<std::chrono::nanoseconds>(shortest_limit_ / 8, std::chrono::milliseconds(2),
                                                          std::chrono::milliseconds(50));
  const auto now = clock::now();
  // Time in which this loop did nothing, as in a slow sink, is not the workers' fault.
  const auto since_last = std::min<std::chrono::nanoseconds>(now - deadlines_checked_, 2 * pause);
  deadlines_checked_ = now;
  for (const auto& worker : workers_)
    if (worker && !worker->killed_for_time && (over_limit(*worker, now) || stuck(*worker, since_last))) worker->kill();
  deadline_timer_.expires_after(pause);
  deadline_timer_.async_wait([this](boost::system::error_code cancelled) {
    if (cancelled) return;
    if (anything_under_way())
      check_deadlines();
    else
      shortest_limit_ = {};
  });
}

bool worker_crew::anything_under_way() const {
  return std::any_of(workers_.begin(), workers_.end(), [](const auto& each) { return each && each->unfinished > 0; });
}

/// Whether a lane has been at a blocking task for longer than its limit.
bool worker_crew::over_limit(worker_process& worker, clock::time_point now) const {
  for (std::uint32_t lane = 0; lane < shape_.threads; ++lane) {
    const auto& state = worker.page().lane(lane);
    const auto under_way = state.task.load(std::memory_order_acquire);
    if (under_way == 0) continue;
    const auto started = from_ns(state.started_ns.load(std::memory_order_relaxed));
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
bool worker_crew::stuck(worker_process& worker, std::chrono::nanoseconds since_last_check) const {
  if (worker.batches.empty() || !worker.ready || worker.seen_front != worker.front_ordinal()) {
    worker.seen_front = worker.front_ordinal();
    worker.front_age = {};
  } else {
    worker.front_age += since_last_check;
  }
  if (worker.front_age <= stuck_grace) worker.seen_started = worker.started();
  if (worker.batches.empty()) return false;
  const auto limit = worker.batches.front().tasks().terms.limit;
  if (limit.count() <= 0 || worker.front_age < limit + stuck_grace) return false;
  worker.killed_for_time = true;
  worker.overdue_from = worker.front_ordinal();
  worker.overdue_to = std::max(worker.seen_started, worker.front_ordinal() + 1);
  return true;
}

}  // namespace fanout::detail
