#include "process/supervisor/completion.hpp"

#include "process/supervisor/worded.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <new>

namespace fanout::detail {
namespace {

/// A year: what a worker says of CPU time is summed up.
constexpr std::int64_t most_cpu_ns = std::int64_t{366} * 24 * 3600 * 1'000'000'000;

}  // namespace

void completion::on_results(worker_record& worker, std::uint64_t unsent, std::string_view payload) {
  while (!payload.empty()) {
    const auto results = take_results(payload);
    if (!results) throw error(failure_kind::protocol, "the worker process sent a result that ends too soon");
    on_batch(worker, unsent, *results);
  }
}

void completion::on_batch(worker_record& worker, std::uint64_t unsent, const received_results& results) {
  const results_header& header = results.header;
  handed_batch* const batch = worker.tasks.batch_of(header.first_ordinal);
  if (!batch || header.count > batch->end_ordinal() - header.first_ordinal || header.first_ordinal >= unsent ||
      header.first_ordinal + header.count > worker.started())
    throw error(failure_kind::protocol, "the worker process sent a result of a task it does not have");
  on_part(worker, *batch, results, 0, header.count);
}

/// Of results for tasks of one batch, those from position `from` up to before `to`.
void completion::on_part(worker_record& worker, handed_batch& batch, const received_results& results,
                         std::uint32_t from, std::uint32_t to) {
  const results_header& header = results.header;
  const std::uint32_t first_lane = worker.number() * lanes_;
  if (header.lane < first_lane || header.lane - first_lane >= lanes_)
    throw error(failure_kind::protocol, "the worker process sent a result of a lane it does not have");
  failure reason;  // read before anything is booked: it may be corrupt
  if (!header.ok) reason = decode_failure(results.values[0]);
  const std::uint64_t first = header.first_ordinal + from;
  const std::uint64_t index = batch.index_of(first);
  if (!worker.tasks.finish(batch, first, header.first_ordinal + to))
    throw error(failure_kind::protocol, "the worker process sent a result of a task it has finished");
  worker.tasks.drop_finished();
  outcome_facts facts;
  facts.lane = header.lane;
  facts.started = worker.time_of(header.started_ns);
  facts.finished = std::max(facts.started, worker.time_of(header.finished_ns));
  facts.cpu = std::chrono::nanoseconds(std::clamp<std::int64_t>(header.cpu_ns, -1, most_cpu_ns));
  const auto done = result_batch(facts, results.ends, results.values).part(from, to - from, index);
  restarts_.began();
  cost_.workers[worker.number()].tasks += done.count();
  time_.add(done.count(), done.elapsed());
  try {
    if (header.ok)
      job_.deliver_results(done);
    else
      job_.deliver_failure(done.facts(0), std::move(reason));
  } catch (...) {  // not the worker's doing
    control_.break_off(std::current_exception());
  }
}

void completion::take_finished(worker_record& worker) {
  if (worker.corrupt() || worker.tasks.empty()) return;
  const std::string left = worker.page().unsent().left_behind();
  std::string_view payload = left;
  try {
    while (const auto results = take_results(payload)) on_left_behind(worker, *results);
  } catch (const error&) {  // NOLINT(bugprone-empty-catch): the tasks from there on count as not finished
  }
}

void completion::on_left_behind(worker_record& worker, const received_results& results) {
  const std::uint64_t first = results.header.first_ordinal;
  const std::uint64_t started = worker.started();
  for (std::uint32_t from = 0; from < results.header.count;) {
    handed_batch* const batch = worker.tasks.batch_of(first + from);
    const auto open = [&](std::uint32_t place) {
      return first + place < std::min(started, batch->end_ordinal()) && !batch->finished(first + place);
    };
    std::uint32_t to = from;
    while (batch && to < results.header.count && open(to)) ++to;
    if (to > from) on_part(worker, *batch, results, from, to);
    from = std::max(to, from + 1);
  }
}

void completion::on_held(worker_record& worker, std::string_view payload) {
  const auto told = take_raw<held_frame>(payload);
  auto spans = decode_held(payload);
  handed_batch* const batch = told ? worker.tasks.batch_of(told->ordinal) : nullptr;
  if (!control_.options().timeline || !spans || !batch || batch->finished(told->ordinal))
    throw error(failure_kind::protocol, "the worker process told when a task held its thread that it does not have");
  control_.keep_held(batch->index_of(told->ordinal), *std::move(spans));
}

void completion::on_returned(worker_record& worker, std::uint64_t unsent, std::string_view payload) {
  const auto returned = take_raw<returned_frame>(payload);
  // It cannot have read the recall before all that was sent ahead of it, which would be written from where it is.
  if (!returned || !worker.recall_pending || unsent != worker.tasks.end_ordinal() ||
      returned->from > worker.tasks.end_ordinal() || returned->from < worker.tasks.front_ordinal() ||
      returned->from < worker.started() || worker.tasks.finished_any_from(returned->from))
    throw error(failure_kind::protocol, "the worker process gave back tasks that it was not asked for");
  worker.recall_pending = false;
  task_bundles taken = worker.tasks.take_from(returned->from);
  pending_.drop_unwanted(taken);
  pending_.return_last(taken);
}

void completion::take_back(worker_record& worker, const worker_end& end) {
  const std::uint64_t started = control_.aborted() ? worker.tasks.end_ordinal() : worker.started();
  task_bundles not_started;
  std::uint64_t under_way = 0;
  for (handed_batch& batch : worker.tasks.batches()) {
    const std::uint64_t from = std::max(started, batch.untouched_ordinal());
    try {
      if (from < batch.end_ordinal()) {
        task_bundles cut(1);  // room first: what is cut is nowhere else
        cut.front() = batch.cut(from);
        if (batch.tasks().deaths > 0)
          pending_.suspect(cut);
        else
          not_started.splice(not_started.end(), cut);
      }
    } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): then they end with it
    }
    under_way += batch.unfinished();
  }
  pending_.return_first(not_started);
  for (handed_batch& batch : worker.tasks.batches())
    for (std::uint64_t ordinal = batch.front_ordinal(); ordinal < batch.end_ordinal();
         ordinal = batch.front_ordinal()) {
      const bool again = try_again(worker, batch, ordinal, under_way == 1);
      batch.finish(ordinal, ordinal + 1);  // first, so that whatever interrupts this, no task is settled twice
      if (!again) settle(worker, end, batch, ordinal);
    }
  pending_.drop_unwanted();
}

/// Whether a task whose worker died at it gets another.
bool completion::try_again(const worker_record& worker, const handed_batch& batch, std::uint64_t ordinal, bool alone) {
  if (control_.aborted() || worker.overdue(ordinal)) return false;
  const std::uint32_t place = batch.place_of(ordinal);
  const task_bundle& tasks = batch.tasks();
  try {
    if (!retries_.again(tasks.terms.function, tasks.inputs[place], alone, tasks.deaths)) return false;
    task_bundles suspect;
    suspect.push_back(tasks.part(place, place + 1));
    ++suspect.back().deaths;
    pending_.suspect(suspect);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

/// The outcome of a task whose worker is gone.
void completion::settle(const worker_record& worker, const worker_end& end, const handed_batch& batch,
                        std::uint64_t ordinal) {
  outcome_facts facts;
  facts.index = batch.index_of(ordinal);
  facts.lane = worker.number() * lanes_;
  facts.finished = facts.started = worker_record::clock::now();
  for (std::uint32_t lane = 0; lane < lanes_; ++lane) {
    const auto& state = worker.page().lane(lane);
    if (state.task.load(std::memory_order_acquire) != ordinal + 1) continue;
    facts.started = worker.time_of(state.started_ns.load(std::memory_order_relaxed));
    facts.lane += lane;
    break;
  }
  const bool overdue = worker.overdue(ordinal);
  const auto kind = overdue              ? failure_kind::timeout
                    : control_.aborted() ? failure_kind::cancelled
                                         : failure_kind::worker_died;
  failure reason = worded(kind, [&]() -> std::string {
    if (overdue) return control_.timed_out(batch.tasks().terms.limit, "; its worker process was killed").message;
    if (control_.aborted()) return control_.cancelled().message;
    if (worker.overdue_tasks) return "its worker process was killed because another of its tasks was over its limit";
    if (worker.closed_its_connection)
      return "its worker process closed its connection to this one (descriptor 3), and was killed";
    if (worker.corrupt()) return fmt::format("its worker process was killed: {}", worker.protocol_error);
    return fmt::format("its worker process {} in mid-task", end.text());
  });
  if (kind == failure_kind::worker_died) reason.signal = end.signal();
  reason.attempts = static_cast<int>(batch.tasks().deaths) + 1;
  job_.deliver_failure(facts, std::move(reason));
}

void completion::end_unstarted(std::uint64_t index, failure reason) {
  outcome_facts facts;
  facts.index = index;
  facts.finished = facts.started = worker_record::clock::now();
  job_.deliver_failure(facts, std::move(reason));
}

}  // namespace fanout::detail
