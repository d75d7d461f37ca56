#include "process/worker_crew.hpp"

#include <fanout/core/pipeline.hpp>

#include "process/worker_runner.hpp"

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
      open_frames_(ran.processes),
      told_(ran.processes),
      deadline_timer_(loop_),
      interrupt_(loop_, control) {
  cost_.processes = 0;
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
    const std::uint64_t started = worker->page().started();
    std::uint64_t ordinal = worker->front_ordinal;
    bool some = false;
    bool others = false;
    for (const handed_task& each : worker->tasks) {
      if (ordinal++ >= started) break;
      if (!each.finished) (whose(each.index) ? some : others) = true;
    }
    if (some && !others) worker->kill();
  }
}

void worker_crew::forget(std::uint32_t function) {
  for (std::uint32_t number = 0; number < workers_.size(); ++number) {
    if (told_[number].erase(function) == 0 || !workers_[number] || workers_[number]->finishing) continue;
    close_frame(number);
    frame_writer frame(frames_[number], frame_type::forget);
    append_raw(frames_[number], forget_frame{function});
    frame.close();
  }
  flush();
}

void worker_crew::add_running(report& cost) const {
  for (const auto& worker : workers_)
    if (worker) cost.ipc_bytes += worker->bytes_sent() + worker->bytes_received();
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
  while (deal_one_each()) {
  }
  for (const auto& worker : workers_)
    if (worker && !worker->finishing) fill_up(*worker);
  flush();
}

/// One round: a task for each worker that has a free place, so that a short source is shared out evenly.
bool worker_crew::deal_one_each() {
  const std::uint32_t places = shape_.threads * shape_.in_flight;
  bool given = false;
  for (std::uint32_t number = 0; number < workers_.size(); ++number) {
    const auto& worker = workers_[number];
    if (worker ? worker->finishing || worker->unfinished >= places : start_failed_) continue;
    if (!give(number)) return false;
    given = true;
  }
  return given;
}

void worker_crew::fill_up(worker_process& worker) {
  const std::uint32_t places = shape_.threads * shape_.in_flight;
  const std::uint32_t ahead_places = places_ahead();
  if (worker.unfinished > places + ahead_places / 2) return;  // in batches, not one by one
  while (worker.unfinished < places + ahead_places && worker.unfinished_bytes < most_bytes_ahead)
    if (!give(worker.number())) return;
}

std::uint32_t worker_crew::places_ahead() const {
  if (mean_task_.count() <= 0) return 0;
  const auto places = static_cast<std::int64_t>(shape_.threads) * shape_.in_flight;
  const std::int64_t tasks = std::chrono::nanoseconds(ahead) / mean_task_ * places;
  return static_cast<std::uint32_t>(std::min<std::int64_t>(tasks, most_ahead));
}

bool worker_crew::give(std::uint32_t number) {
  auto task = next_task();
  if (!task) return false;
  worker_process* const worker = worker_for(number);
  if (!worker) {
    returned_.push_front(std::move(*task));
    return running_ > 0;
  }
  open_frame(task->terms, number);
  if (task->terms.limit.count() > 0) watch_deadlines(task->terms.limit);
  append_raw(frames_[number], task_header{worker->front_ordinal + worker->tasks.size(), task->argument.size()});
  frames_[number] += task->argument;
  worker->unfinished += 1;
  worker->unfinished_bytes += task->argument.size();
  worker->tasks.push_back(std::move(*task));
  if (open_frames_[number]->frame.payload_bytes() >= frame_bytes)  // together they may be more than a frame can hold
    close_frame(number);
  return true;
}

/// Makes the worker's open frame one for tasks on these terms.
void worker_crew::open_frame(const task_terms& terms, std::uint32_t number) {
  auto& open = open_frames_[number];
  if (open && open->terms == terms) return;
  close_frame(number);
  tell_of(terms.function, number);
  open = std::make_unique<open_tasks>(terms, frames_[number]);
  append_raw(frames_[number], tasks_frame{.function = terms.function, .limit_ns = terms.limit.count()});
}

void worker_crew::close_frame(std::uint32_t number) {
  if (open_frames_[number]) open_frames_[number]->frame.close();
  open_frames_[number].reset();
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

std::optional<handed_task> worker_crew::next_task() {
  if (!returned_.empty()) {
    handed_task task = std::move(returned_.front());
    returned_.pop_front();
    return task;
  }
  while (!waiting_for_source_) {
    handed_task task;
    switch (job_.pull_encoded(task.index, task.argument, task.terms)) {
      case pull_status::item:
        if (task.argument.size() <= max_value_bytes) return task;
        refuse_too_large(task.index);
        break;
      case pull_status::end:
        return std::nullopt;
      case pull_status::not_ready:
        wait_for_source();
    }
  }
  return std::nullopt;
}

void worker_crew::refuse_too_large(std::uint64_t index) {
  outcome_facts facts;
  facts.index = index;
  facts.finished = facts.started = clock::now();
  job_.deliver_failure(facts, too_large_to_travel());
}

worker_process* worker_crew::worker_for(std::uint32_t number) {
  if (workers_[number]) return workers_[number].get();
  if (start_failed_) return nullptr;
  try {
    workers_[number] = std::make_unique<worker_process>(loop_, number, shape_.threads);
  } catch (const std::runtime_error&) {  // what the system refuses: std::system_error, or Boost's
    start_failed_ = true;                // the workers there are will have to do
    if (running_ == 0) control_.break_off(std::current_exception());
    return nullptr;
  }
  ++running_;
  cost_.processes = std::max(cost_.processes, running_);
  worker_process& worker = *workers_[number];

  told_[number].clear();
  frame_writer setup(frames_[number], frame_type::setup);
  append_raw(frames_[number], setup_frame{.threads = shape_.threads,
                                          .in_flight = shape_.in_flight,
                                          .first_lane = number * shape_.threads,
                                          .loops = job_.needs_loops() ? 1U : 0U});
  setup.close();
  asio::co_spawn(loop_, attend(worker), [this](std::exception_ptr failed) {
    if (failed) control_.break_off(failed);
  });
  return &worker;
}

void worker_crew::flush() {
  for (std::size_t number = 0; number < workers_.size(); ++number) {
    if (frames_[number].empty()) continue;
    close_frame(static_cast<std::uint32_t>(number));
    if (workers_[number]) workers_[number]->send(frames_[number]);
    frames_[number].clear();
  }
}

/// Workers end together, when nothing can be left for any of them: until then one that dies may leave tasks behind.
void worker_crew::finish_when_done() {
  if (!returned_.empty() || (control_.pulling() && !control_.aborted())) return;
  for (const auto& worker : workers_)
    if (worker && worker->unfinished > 0) return;
  finished_ = true;
  for (const auto& worker : workers_)
    if (worker && !worker->finishing) worker->finish_sending();
  deadline_timer_.cancel();
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
      if (!hello || hello->magic != wire_magic || hello->version != wire_version)
        throw error(failure_kind::protocol, "the worker process speaks another protocol");
      worker.ready = true;
      return;
    }
    case frame_type::results:
      return on_results(worker, payload);
    case frame_type::bye: {
      const auto bye = take_raw<bye_frame>(payload);
      if (!bye) throw error(failure_kind::protocol, "the worker process took its leave in too few bytes");
      worker.said_bye = true;
      cost_.peak_rss_bytes += bye->peak_rss_bytes;
      return;
    }
    case frame_type::refusal:
      refusal_ = payload;
      worker.ready = false;
      return;
    case frame_type::setup:
    case frame_type::tasks:
    case frame_type::function:
    case frame_type::forget:
      break;
  }
  throw error(failure_kind::protocol, "the worker process sent a frame that is not a worker's");
}

void worker_crew::on_results(worker_process& worker, std::string_view payload) {
  while (!payload.empty()) {
    const auto header = take_raw<result_header>(payload);
    const auto bytes = header ? take_bytes(payload, header->bytes) : std::nullopt;
    if (!bytes) throw error(failure_kind::protocol, "the worker process sent a result that ends too soon");
    const std::uint64_t place = header->ordinal - worker.front_ordinal;
    if (header->ordinal < worker.front_ordinal || place >= worker.tasks.size() || worker.tasks[place].finished)
      throw error(failure_kind::protocol, "the worker process sent a result of a task it does not have");
    failure reason;  // read before anything is booked: it may be corrupt
    if (!header->ok) reason = decode_failure(*bytes);
    handed_task& task = worker.tasks[place];
    outcome_facts facts;
    facts.index = task.index;
    task.finished = true;
    worker.unfinished -= 1;
    worker.unfinished_bytes -= task.argument.size();
    task.argument = std::string();
    while (!worker.tasks.empty() && worker.tasks.front().finished) {
      worker.tasks.pop_front();
      ++worker.front_ordinal;
    }
    failed_starts_ = 0;

    facts.lane = header->lane;
    facts.started = from_ns(header->started_ns);
    facts.finished = from_ns(header->finished_ns);
    facts.cpu = std::chrono::nanoseconds(header->cpu_ns);
    const auto took = std::max(facts.elapsed(), std::chrono::nanoseconds(1));
    mean_task_ = mean_task_.count() == 0 ? took : mean_task_ + (took - mean_task_) / 16;
    try {
      if (header->ok)
        job_.deliver_result(facts, *bytes);
      else
        job_.deliver_failure(facts, std::move(reason));
    } catch (...) {  // not the worker's doing
      control_.break_off(std::current_exception());
    }
  }
  deal();
  finish_when_done();
}

void worker_crew::on_end(worker_process& worker, const worker_end& end) {
  book(worker, end);
  const bool expected = worker.finishing && worker.unfinished == 0;
  if (!expected && !control_.aborted()) {
    ++cost_.restarts;
    // One that dies before it has begun any of its tasks would be replaced for ever.
    const bool useless = !worker.ready || (worker.page().started() == 0 && worker.unfinished > 0);
    if (useless && ++failed_starts_ >= most_failed_starts)
      control_.break_off(std::make_exception_ptr(
          std::runtime_error(fmt::format("worker processes do not get ready: the last one {}{}{}", end.text(),
                                         refusal_.empty() ? "" : ", saying: ", refusal_))));
  }
  const std::uint64_t started = worker.page().started();
  std::uint64_t ordinal = worker.front_ordinal;
  std::deque<handed_task> not_started;
  for (handed_task& task : worker.tasks) {
    const std::uint64_t own = ordinal++;
    if (task.finished) continue;
    if (own < started || control_.aborted())
      settle(worker, end, task, own);
    else
      not_started.push_back(std::move(task));
  }
  returned_.insert(returned_.begin(), std::make_move_iterator(not_started.begin()),
                   std::make_move_iterator(not_started.end()));
  const std::uint32_t number = worker.number();
  frames_[number].clear();
  open_frames_[number].reset();
  --running_;
  // Its socket was closed with a write perhaps still waiting; that coroutine ends first, then the object.
  asio::post(loop_, [gone = std::shared_ptr<worker_process>(std::move(workers_[number]))] {});
  start_failed_ = false;
  if (control_.aborted()) cancel_returned();
  deal();
  finish_when_done();
}

/// The outcome of a task whose worker is gone.
void worker_crew::settle(worker_process& worker, const worker_end& end, const handed_task& task,
                         std::uint64_t ordinal) {
  outcome_facts facts;
  facts.index = task.index;
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
    reason = control_.timed_out(task.terms.limit, "; its worker process was killed");
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
  job_.deliver_failure(facts, std::move(reason));
}

void worker_crew::book(const worker_process& worker, const worker_end& end) {
  cost_.cpu_user += to_duration(end.used.ru_utime);
  cost_.cpu_system += to_duration(end.used.ru_stime);
  cost_.voluntary_switches += static_cast<std::uint64_t>(end.used.ru_nvcsw);
  cost_.involuntary_switches += static_cast<std::uint64_t>(end.used.ru_nivcsw);
  cost_.ipc_bytes += worker.bytes_sent() + worker.bytes_received();
}

void worker_crew::cancel_returned() {
  while (!returned_.empty()) {
    outcome_facts facts;
    facts.index = returned_.front().index;
    facts.finished = facts.started = clock::now();
    returned_.pop_front();
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
    const std::uint64_t place = under_way - 1 - worker.front_ordinal;
    if (under_way <= worker.front_ordinal || place >= worker.tasks.size()) continue;
    const auto limit = worker.tasks[place].terms.limit;
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
  if (worker.tasks.empty() || !worker.ready || worker.seen_front != worker.front_ordinal) {
    worker.seen_front = worker.front_ordinal;
    worker.front_age = {};
  } else {
    worker.front_age += since_last_check;
  }
  if (worker.front_age <= stuck_grace) worker.seen_started = worker.page().started();
  if (worker.tasks.empty() || worker.tasks.front().terms.limit.count() <= 0) return false;
  if (worker.front_age < worker.tasks.front().terms.limit + stuck_grace) return false;
  worker.killed_for_time = true;
  worker.overdue_from = worker.front_ordinal;
  worker.overdue_to = std::max(worker.seen_started, worker.front_ordinal + 1);
  return true;
}

}  // namespace fanout::detail
