#include "process/supervisor/supervisor.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace fanout::detail {

/// When a worker has nothing to do, or none runs where one could, and there is nothing to give it, the one that has
/// most waiting gives half of it back, if that is worth a round trip. Tasks that are not worth it are soon done, unless
/// one of them turns out long; so this looks again a little later.
void supervisor::balance() {
  if (control_.aborted() || !returned_.empty()) return;
  const auto idle = [&](const auto& worker) {
    return worker ? may_take(*worker) && worker->unfinished < places() : !start_failed_;
  };
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
  if (task_time_.mean() * static_cast<std::int64_t>(most_waiting) / places() > worth_recalling ||
      stands_still(*fullest))
    return recall(*fullest, static_cast<std::uint32_t>(most_waiting / 2));
  balance_timer_.expires_after(worth_recalling);
  balance_timer_.async_wait([this](boost::system::error_code cancelled) {
    if (!cancelled) balance();
  });
}

/// Whether all lanes of a worker have been at their tasks for long enough that what waits behind them is held up.
bool supervisor::stands_still(const worker_process& worker) const {
  const auto now = clock::now();
  for (std::uint32_t lane = 0; lane < shape_.threads; ++lane) {
    const auto& state = worker.page().lane(lane);
    if (state.task.load(std::memory_order_acquire) == 0) return false;
    if (now - worker.time_of(state.started_ns.load(std::memory_order_relaxed)) < worth_recalling) return false;
  }
  return true;
}

void supervisor::recall(worker_process& worker, std::uint32_t keep) {
  worker.recalled = true;
  std::string bytes;
  frame_writer frame(bytes, frame_type::recall);
  append_raw(bytes, recall_frame{.keep = keep});
  frame.close();
  worker.send(bytes);
}

/// Has a worker give back what it has not begun, when there is something among it that nobody wants: the rest is handed
/// out again.
void supervisor::call_back_unwanted(worker_process& worker) {
  if (!unwanted_ || worker.finishing || worker.direct || worker.recalled) return;
  const std::uint64_t started = worker.started();
  for (const handed_batch& batch : worker.batches)
    for (std::uint64_t ordinal = std::max(started, batch.first_ordinal()); ordinal < batch.end_ordinal(); ++ordinal)
      if (!batch.finished(ordinal) && unwanted_(batch.index_of(ordinal))) return recall(worker, 0);
}

void supervisor::on_returned(worker_process& worker, std::string_view payload) {
  const auto returned = take_raw<returned_frame>(payload);
  // It cannot have read the recall before all that was sent ahead of it, which would be written from where it is.
  if (!returned || !worker.recalled || worker.unsent_ordinal() != worker.end_ordinal ||
      returned->from > worker.end_ordinal || returned->from < worker.front_ordinal() ||
      returned->from < worker.started() || worker.finished_any_from(returned->from))
    throw error(failure_kind::protocol, "the worker process gave back tasks that it was not asked for");
  worker.recalled = false;
  bundles taken;
  // To cut a batch in two takes memory, and comes first: where there is none, nothing has been taken. Those behind it
  // are taken as they are.
  const auto whole = std::count_if(worker.batches.begin(), worker.batches.end(),
                                   [&](const auto& batch) { return batch.first_ordinal() >= returned->from; });
  bundles cut(static_cast<std::size_t>(whole));
  if (handed_batch* const first = worker.batch_of(returned->from); first && first->first_ordinal() < returned->from)
    taken.emplace_back() = first->cut(returned->from);
  for (auto place = cut.rbegin(); place != cut.rend(); ++place, worker.batches.pop_back())
    *place = worker.batches.back().cut(worker.batches.back().first_ordinal());
  taken.splice(taken.end(), cut);
  while (!worker.batches.empty() && worker.batches.front().unfinished() == 0) worker.batches.pop_front();
  for (const task_bundle& each : taken) {
    worker.unfinished -= each.count();
    worker.unfinished_bytes -= each.inputs.bytes();
  }
  worker.end_ordinal = returned->from;
  drop_unwanted(taken);
  returned_.splice(returned_.end(), taken);
  call_back_unwanted(worker);  // what was handed over meanwhile
  retire_worn();
  deal();
  finish_when_done();
}

}  // namespace fanout::detail
