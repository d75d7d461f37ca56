#include "process/worker_crew.hpp"

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <new>
#include <stdexcept>

namespace fanout::detail {
namespace {

std::chrono::nanoseconds to_duration(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

std::uint32_t place_in(const handed_batch& batch, std::uint64_t ordinal) {
  return static_cast<std::uint32_t>(ordinal - batch.first_ordinal());
}

}  // namespace

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
  if (!batch || header.count > batch->end_ordinal() - header.first_ordinal ||
      header.first_ordinal >= worker.unsent_ordinal() || header.first_ordinal + header.count > worker.started())
    throw error(failure_kind::protocol, "the worker process sent a result of a task it does not have");
  on_part(worker, *batch, results, 0, header.count);
}

/// Of results for tasks of one batch, those from position `from` up to before `to`.
void worker_crew::on_part(worker_process& worker, handed_batch& batch, const received_results& results,
                          std::uint32_t from, std::uint32_t to) {
  const results_header& header = results.header;
  failure reason;  // read before anything is booked: it may be corrupt
  if (!header.ok) reason = decode_failure(results.values[0]);
  const std::uint64_t first = header.first_ordinal + from;
  if (!batch.finish(first, header.first_ordinal + to))
    throw error(failure_kind::protocol, "the worker process sent a result of a task it has finished");
  outcome_facts facts;
  facts.lane = header.lane;
  facts.started = from_ns(header.started_ns);
  facts.finished = from_ns(header.finished_ns);
  facts.cpu = std::chrono::nanoseconds(header.cpu_ns);
  const auto run = result_run(facts, results.ends, results.values).part(from, to - from, batch.index_of(first));
  worker.unfinished -= run.count();
  worker.unfinished_bytes -= batch.tasks().inputs.bytes(place_in(batch, first), place_in(batch, first) + run.count());
  while (!worker.batches.empty() && worker.batches.front().unfinished() == 0) worker.batches.pop_front();
  failed_starts_ = 0;
  cost_.workers[worker.number()].tasks += run.count();

  const std::int64_t count = run.count();
  const auto took = std::max<std::chrono::nanoseconds>(run.elapsed() / count, std::chrono::nanoseconds(1));
  mean_task_ =
      mean_task_.count() == 0 ? took : mean_task_ + (took - mean_task_) * std::min<std::int64_t>(count, 16) / 16;
  try {
    if (header.ok)
      job_.deliver_results(run);
    else
      job_.deliver_failure(run.facts(0), std::move(reason));
  } catch (...) {  // not the worker's doing
    control_.break_off(std::current_exception());
  }
}

/// What a worker had finished and not sent when it died is in the memory it shares. Some of it may have been sent all
/// the same, and of what it wrote while it went wrong nothing is believed that cannot be.
void worker_crew::take_finished(worker_process& worker) {
  if (worker.corrupt() || worker.batches.empty()) return;
  const std::string left = worker.page().unsent().left_behind();
  std::string_view payload = left;
  try {
    while (const auto results = take_results(payload)) on_left_behind(worker, *results);
  } catch (const error&) {  // NOLINT(bugprone-empty-catch): the tasks from there on count as not finished
  }
}

void worker_crew::on_left_behind(worker_process& worker, const received_results& results) {
  const std::uint64_t first = results.header.first_ordinal;
  const std::uint64_t started = worker.started();
  for (std::uint32_t from = 0; from < results.header.count;) {
    handed_batch* const batch = worker.batch_of(first + from);
    const auto open = [&](std::uint32_t place) {
      return first + place < std::min(started, batch->end_ordinal()) && !batch->finished(first + place);
    };
    std::uint32_t to = from;
    while (batch && to < results.header.count && open(to)) ++to;
    if (to > from) on_part(worker, *batch, results, from, to);
    from = std::max(to, from + 1);
  }
}

/// The span of the task is made when its result comes, which is next.
void worker_crew::on_held(worker_process& worker, std::string_view payload) {
  const auto told = take_raw<held_frame>(payload);
  auto spans = decode_held(payload);
  handed_batch* const batch = told ? worker.batch_of(told->ordinal) : nullptr;
  if (!control_.options().timeline || !spans || !batch || batch->finished(told->ordinal))
    throw error(failure_kind::protocol, "the worker process told when a task held its thread that it does not have");
  control_.keep_held(batch->index_of(told->ordinal), *std::move(spans));
}

void worker_crew::on_end(worker_process& worker, const worker_end& end) {
  book(worker, end);
  patience_[worker.number()].cancel();
  const bool expected = worker.finishing && worker.unfinished == 0;
  if (!expected && !control_.aborted()) {
    ++cost_.restarts;
    ++cost_.workers[worker.number()].restarts;
    // One that dies before it has begun any of its tasks would be replaced for ever.
    const bool useless = worker.started() == 0 && (!worker.ready || worker.unfinished > 0);
    if (useless && ++failed_starts_ >= most_failed_starts)
      control_.break_off(std::make_exception_ptr(
          std::runtime_error(fmt::format("worker processes do not get ready: the last one {}{}{}", end.text(),
                                         refusal_.empty() ? "" : ", saying: ", refusal_))));
  }
  take_finished(worker);
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
    const std::uint64_t from = std::max(started, batch.untouched_ordinal());
    try {
      if (from < batch.end_ordinal()) (batch.tasks().deaths > 0 ? suspects_ : not_started).push_back(batch.cut(from));
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): then they end with it
    }
    under_way += batch.unfinished();
  }
  for (const handed_batch& batch : worker.batches)
    for (std::uint64_t ordinal = batch.front_ordinal(); ordinal < batch.end_ordinal(); ++ordinal)
      if (!batch.finished(ordinal) && !try_again(worker, batch, ordinal, under_way == 1))
        settle(worker, end, batch, ordinal);
  drop_unwanted(not_started);
  drop_unwanted(suspects_);
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
  cost_.ipc_time += worker.time_moving();
  auto& own = cost_.workers[worker.number()];
  own.cpu += to_duration(end.used.ru_utime) + to_duration(end.used.ru_stime);
  own.bytes_sent += worker.bytes_sent();
  own.bytes_received += worker.bytes_received();
}

void worker_crew::cancel_returned() {
  if (const auto left = std::exchange(in_hand_, std::nullopt))
    for (std::uint32_t i = 0; i < left->count(); ++i) end_unstarted(left->first_index + i, control_.cancelled());
  returned_.insert(returned_.end(), std::make_move_iterator(suspects_.begin()),
                   std::make_move_iterator(suspects_.end()));
  suspects_.clear();
  for (; !returned_.empty(); returned_.pop_front())
    for (std::uint32_t i = 0; i < returned_.front().count(); ++i)
      end_unstarted(returned_.front().first_index + i, control_.cancelled());
}

/// Ends those among tasks without a worker that nobody wants.
void worker_crew::drop_unwanted(std::deque<task_bundle>& tasks) {
  if (!unwanted_) return;
  std::deque<task_bundle> wanted;
  for (task_bundle& each : tasks) {
    std::uint32_t from = 0;
    for (std::uint32_t i = 0; i < each.count(); ++i) {
      if (!unwanted_(each.first_index + i)) continue;
      if (from < i) wanted.push_back(each.part(from, i));
      from = i + 1;
      end_unstarted(each.first_index + i, {.kind = failure_kind::cancelled, .message = "it was not started"});
    }
    if (from == 0)
      wanted.push_back(std::move(each));
    else if (from < each.count())
      wanted.push_back(each.part(from, each.count()));
  }
  tasks.swap(wanted);
}

void worker_crew::end_unstarted(std::uint64_t index, failure reason) {
  outcome_facts facts;
  facts.index = index;
  facts.finished = facts.started = clock::now();
  job_.deliver_failure(facts, std::move(reason));
}

}  // namespace fanout::detail
