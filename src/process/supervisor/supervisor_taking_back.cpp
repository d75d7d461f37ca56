#include "process/supervisor/supervisor.hpp"
#include "process/supervisor/worded.hpp"

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <signal.h>

#include <algorithm>
#include <iterator>
#include <new>
#include <stdexcept>

namespace fanout::detail {
namespace {

std::chrono::nanoseconds to_duration(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

/// Of the signals that end a process, those which it does not cause by itself.
bool is_sent_by_others(int signal) {
  return signal == SIGKILL || signal == SIGTERM || signal == SIGHUP || signal == SIGINT;
}

/// A year: what a worker says of CPU time is summed up.
constexpr std::int64_t most_cpu_ns = std::int64_t{366} * 24 * 3600 * 1'000'000'000;

std::uint32_t place_in(const handed_batch& batch, std::uint64_t ordinal) {
  return static_cast<std::uint32_t>(ordinal - batch.first_ordinal());
}

}  // namespace

void supervisor::on_results(worker_process& worker, std::string_view payload) {
  while (!payload.empty()) {
    const auto results = take_results(payload);
    if (!results) throw error(failure_kind::protocol, "the worker process sent a result that ends too soon");
    on_run(worker, *results);
  }
  retire_worn();
  deal();
  finish_when_done();
}

void supervisor::on_run(worker_process& worker, const received_results& results) {
  const results_header& header = results.header;
  handed_batch* const batch = worker.batch_of(header.first_ordinal);
  if (!batch || header.count > batch->end_ordinal() - header.first_ordinal ||
      header.first_ordinal >= worker.unsent_ordinal() || header.first_ordinal + header.count > worker.started())
    throw error(failure_kind::protocol, "the worker process sent a result of a task it does not have");
  on_part(worker, *batch, results, 0, header.count);
}

/// Of results for tasks of one batch, those from position `from` up to before `to`.
void supervisor::on_part(worker_process& worker, handed_batch& batch, const received_results& results,
                         std::uint32_t from, std::uint32_t to) {
  const results_header& header = results.header;
  const std::uint32_t first_lane = worker.number() * shape_.threads;
  if (header.lane < first_lane || header.lane - first_lane >= shape_.threads)
    throw error(failure_kind::protocol, "the worker process sent a result of a lane it does not have");
  failure reason;  // read before anything is booked: it may be corrupt
  if (!header.ok) reason = decode_failure(results.values[0]);
  const std::uint64_t first = header.first_ordinal + from;
  if (!batch.finish(first, header.first_ordinal + to))
    throw error(failure_kind::protocol, "the worker process sent a result of a task it has finished");
  outcome_facts facts;
  facts.lane = header.lane;
  facts.started = worker.time_of(header.started_ns);
  facts.finished = std::max(facts.started, worker.time_of(header.finished_ns));
  facts.cpu = std::chrono::nanoseconds(std::clamp<std::int64_t>(header.cpu_ns, -1, most_cpu_ns));
  const auto run = result_batch(facts, results.ends, results.values).part(from, to - from, batch.index_of(first));
  worker.unfinished -= run.count();
  worker.unfinished_bytes -= batch.tasks().inputs.bytes(place_in(batch, first), place_in(batch, first) + run.count());
  while (!worker.batches.empty() && worker.batches.front().unfinished() == 0) worker.batches.pop_front();
  failed_starts_ = killed_starts_ = 0;
  cost_.workers[worker.number()].tasks += run.count();

  task_time_.add(run.count(), run.elapsed());
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
void supervisor::take_finished(worker_process& worker) {
  if (worker.corrupt() || worker.batches.empty()) return;
  const std::string left = worker.page().unsent().left_behind();
  std::string_view payload = left;
  try {
    while (const auto results = take_results(payload)) on_left_behind(worker, *results);
  } catch (const error&) {  // NOLINT(bugprone-empty-catch): the tasks from there on count as not finished
  }
}

void supervisor::on_left_behind(worker_process& worker, const received_results& results) {
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
void supervisor::on_held(worker_process& worker, std::string_view payload) {
  const auto told = take_raw<held_frame>(payload);
  auto spans = decode_held(payload);
  handed_batch* const batch = told ? worker.batch_of(told->ordinal) : nullptr;
  if (!control_.options().timeline || !spans || !batch || batch->finished(told->ordinal))
    throw error(failure_kind::protocol, "the worker process told when a task held its thread that it does not have");
  control_.keep_held(batch->index_of(told->ordinal), *std::move(spans));
}

void supervisor::on_end(worker_process& worker, const worker_end& end) {
  const std::uint32_t number = worker.number();
  ended_[number] = std::move(workers_[number]);
  --running_;
  frames_[number].clear();
  patience_[number].cancel();
  start_failed_ = false;
  book(worker, end);
  try {
    if (!(worker.finishing && worker.unfinished == 0) && !control_.aborted()) judge_end(worker, end);
    take_finished(worker);
    take_back(worker, end);
    worker.batches.clear();
    if (control_.aborted()) cancel_returned();
  } catch (...) {  // of memory
    control_.break_off(std::current_exception());
  }
  deal();
  finish_when_done();
}

/// An end that was not asked for: the worker is replaced, but not for ever.
void supervisor::judge_end(const worker_process& worker, const worker_end& end) {
  ++cost_.restarts;
  ++cost_.workers[worker.number()].restarts;
  if (worker.started() > 0 || (worker.ready && worker.unfinished == 0)) {
    failed_starts_ = killed_starts_ = 0;
    return;
  }
  // Somebody else may kill a program while it starts, for its memory or by mistake, and let the next one live. What
  // dies in the user's own code would do so again.
  const bool by_others = !worker.killed() && !worker.page().preparing() && is_sent_by_others(end.signal());
  int& in_a_row = by_others ? killed_starts_ : failed_starts_;
  if (by_others) {
    const auto now = clock::now();
    if (now - last_killed_start_ > killed_starts_limit) in_a_row = 0;
    if (in_a_row == 0) first_killed_start_ = now;
    last_killed_start_ = now;
  }
  ++in_a_row;
  if (by_others ? clock::now() - first_killed_start_ > killed_starts_limit : in_a_row >= most_failed_starts) {
    control_.break_off(std::make_exception_ptr(
        std::runtime_error(fmt::format("worker processes do not get ready: the last one {}{}{}",
                                       worker.corrupt() ? "was killed: " + worker.protocol_error() : end.text(),
                                       startup_error_.empty() ? "" : ", saying: ", startup_error_))));
  } else if (in_a_row > most_failed_starts) {
    start_failed_ = true;
    const int doublings = std::min(in_a_row - most_failed_starts, 8);
    start_later(std::min(start_again, std::chrono::milliseconds(5 << doublings)));
  }
}

/// What a worker leaves behind: tasks that it had started end with it, the others go to other workers.
void supervisor::take_back(worker_process& worker, const worker_end& end) {
  const std::uint64_t started = control_.aborted() ? worker.end_ordinal : worker.started();
  bundles not_started;
  std::uint64_t under_way = 0;
  for (handed_batch& batch : worker.batches) {
    const std::uint64_t from = std::max(started, batch.untouched_ordinal());
    try {
      if (from < batch.end_ordinal()) {
        bundles cut(1);  // room first: what is cut is nowhere else
        cut.front() = batch.cut(from);
        bundles& kept = batch.tasks().deaths > 0 ? suspects_ : not_started;
        kept.splice(kept.end(), cut);
      }
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): then they end with it
    }
    under_way += batch.unfinished();
  }
  returned_.splice(returned_.begin(), not_started);
  for (handed_batch& batch : worker.batches)
    for (std::uint64_t ordinal = batch.front_ordinal(); ordinal < batch.end_ordinal();
         ordinal = batch.front_ordinal()) {
      const bool again = try_again(worker, batch, ordinal, under_way == 1);
      batch.finish(ordinal, ordinal + 1);  // first, so that whatever interrupts this, no task is settled twice
      if (!again) settle(worker, end, batch, ordinal);
    }
  drop_unwanted(returned_);
  drop_unwanted(suspects_);
}

/// Whether a task whose worker died at it gets another.
bool supervisor::try_again(worker_process& worker, const handed_batch& batch, std::uint64_t ordinal, bool alone) {
  if (control_.aborted() || (worker.killed_for_time && ordinal >= worker.overdue_from && ordinal < worker.overdue_to))
    return false;
  const std::uint32_t place = place_in(batch, ordinal);
  try {
    const bool held = alone && quarantine_.note(batch.tasks().terms.function, batch.tasks().inputs[place]);
    if (held || batch.tasks().deaths >= control_.options().workers.retries) return false;
    suspects_.push_back(batch.tasks().part(place, place + 1));
    ++suspects_.back().deaths;
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

/// The outcome of a task whose worker is gone.
void supervisor::settle(worker_process& worker, const worker_end& end, const handed_batch& batch,
                        std::uint64_t ordinal) {
  outcome_facts facts;
  facts.index = batch.index_of(ordinal);
  facts.lane = worker.number() * shape_.threads;
  facts.finished = facts.started = clock::now();
  for (std::uint32_t lane = 0; lane < shape_.threads; ++lane) {
    const auto& state = worker.page().lane(lane);
    if (state.task.load(std::memory_order_acquire) != ordinal + 1) continue;
    facts.started = worker.time_of(state.started_ns.load(std::memory_order_relaxed));
    facts.lane += lane;
    break;
  }
  const bool overdue = worker.killed_for_time && ordinal >= worker.overdue_from && ordinal < worker.overdue_to;
  const auto kind = overdue              ? failure_kind::timeout
                    : control_.aborted() ? failure_kind::cancelled
                                         : failure_kind::worker_died;
  failure reason = worded(kind, [&]() -> std::string {
    if (overdue) return control_.timed_out(batch.tasks().terms.limit, "; its worker process was killed").message;
    if (control_.aborted()) return control_.cancelled().message;
    if (worker.killed_for_time) return "its worker process was killed because another of its tasks was over its limit";
    if (worker.closed_its_connection())
      return "its worker process closed its connection to this one (descriptor 3), and was killed";
    if (worker.corrupt()) return fmt::format("its worker process was killed: {}", worker.protocol_error());
    return fmt::format("its worker process {} in mid-task", end.text());
  });
  if (kind == failure_kind::worker_died) reason.signal = end.signal();
  reason.attempts = static_cast<int>(batch.tasks().deaths) + 1;
  job_.deliver_failure(facts, std::move(reason));
}

void supervisor::book(const worker_process& worker, const worker_end& end) {
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

void supervisor::cancel_returned() {
  if (const auto left = std::exchange(in_hand_, std::nullopt))
    for (std::uint32_t i = 0; i < left->count(); ++i) end_unstarted(left->first_index + i, not_started());
  returned_.splice(returned_.end(), suspects_);
  for (; !returned_.empty(); returned_.pop_front())
    for (std::uint32_t i = 0; i < returned_.front().count(); ++i)
      end_unstarted(returned_.front().first_index + i, not_started());
}

failure supervisor::not_started() const {
  return worded(failure_kind::cancelled, [this] { return control_.cancelled().message; });
}

/// Ends those among tasks without a worker that nobody wants.
void supervisor::drop_unwanted(bundles& tasks) {
  if (!unwanted_) return;
  for (auto each = tasks.begin(); each != tasks.end();) {
    std::uint32_t unwanted = 0;
    for (std::uint32_t i = 0; i < each->count(); ++i) unwanted += unwanted_(each->first_index + i) ? 1 : 0;
    if (unwanted > 0) drop_some(tasks, each);
    each = unwanted > 0 ? tasks.erase(each) : std::next(each);
  }
}

/// Puts what is wanted of `mixed` in front of it, and ends the rest.
void supervisor::drop_some(bundles& tasks, bundles::iterator mixed) {
  bundles wanted;
  auto kind = failure_kind::cancelled;
  std::uint32_t from = 0;
  try {
    for (std::uint32_t i = 0; i <= mixed->count(); ++i) {
      if (i < mixed->count() && !unwanted_(mixed->first_index + i)) continue;
      if (from < i) wanted.push_back(mixed->part(from, i));
      from = i + 1;
    }
  } catch (const std::bad_alloc&) {  // to keep some; then all of it ends
    wanted.clear();
    kind = failure_kind::too_large;
  }
  const bool all = kind == failure_kind::too_large;
  for (std::uint32_t i = 0; i < mixed->count(); ++i)
    if (all || unwanted_(mixed->first_index + i))
      end_unstarted(mixed->first_index + i, worded(kind, [&] {
                      return all ? "there is no memory to hand it out again" : "it was not started";
                    }));
  tasks.splice(mixed, wanted);
}

void supervisor::end_unstarted(std::uint64_t index, failure reason) {
  outcome_facts facts;
  facts.index = index;
  facts.finished = facts.started = clock::now();
  job_.deliver_failure(facts, std::move(reason));
}

}  // namespace fanout::detail
