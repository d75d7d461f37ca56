#include "process/supervisor/task_ledger.hpp"

#include <algorithm>
#include <utility>

namespace fanout::detail {

bool handed_batch::finish(std::uint64_t first, std::uint64_t end) {
  const auto from = place_of(first);
  const auto to = place_of(end);
  if (from == front_ && out_of_order_.size() <= to) {  // as a lane of its own does it
    for (std::uint32_t place = from; place < out_of_order_.size(); ++place)
      if (out_of_order_[place]) return false;
    front_ = to;
  } else {
    for (std::uint32_t place = from; place < to; ++place)
      if (finished(first_ordinal_ + place)) return false;
    if (out_of_order_.size() < to) out_of_order_.resize(to);
    std::fill(out_of_order_.begin() + from, out_of_order_.begin() + to, true);
    while (front_ < out_of_order_.size() && out_of_order_[front_]) ++front_;
  }
  unfinished_ -= to - from;
  return true;
}

task_bundle handed_batch::cut(std::uint64_t ordinal) {
  const auto place = place_of(ordinal);
  task_bundle kept = tasks_.part(0, place);
  task_bundle rest = place == 0 ? std::exchange(tasks_, {}) : tasks_.part(place, tasks_.count());
  unfinished_ -= rest.count();
  tasks_ = std::move(kept);
  return rest;
}

handed_batch* task_ledger::batch_of(std::uint64_t ordinal) {
  if (batches_.empty() || ordinal >= end_ordinal_) return nullptr;
  if (ordinal < batches_.front().end_ordinal())
    return ordinal < batches_.front().first_ordinal() ? nullptr : &batches_.front();
  const auto after =
      std::upper_bound(batches_.begin(), batches_.end(), ordinal,
                       [](std::uint64_t it, const handed_batch& batch) { return it < batch.first_ordinal(); });
  return &*(after - 1);
}

bool task_ledger::finished_any_from(std::uint64_t ordinal) const {
  return std::any_of(batches_.begin(), batches_.end(), [&](const handed_batch& batch) {
    return batch.end_ordinal() > ordinal && batch.untouched_ordinal() > std::max(ordinal, batch.first_ordinal());
  });
}

void task_ledger::add(task_bundle&& tasks) {
  const std::uint32_t count = tasks.count();
  const std::size_t bytes = tasks.inputs.bytes();
  batches_.emplace_back(end_ordinal_, std::move(tasks));
  unfinished_ += count;
  unfinished_bytes_ += bytes;
  end_ordinal_ += count;
}

bool task_ledger::finish(handed_batch& batch, std::uint64_t first, std::uint64_t end) {
  if (!batch.finish(first, end)) return false;
  unfinished_ -= static_cast<std::uint32_t>(end - first);
  unfinished_bytes_ -= batch.tasks().inputs.bytes(batch.place_of(first), batch.place_of(end));
  return true;
}

void task_ledger::drop_finished() {
  while (!batches_.empty() && batches_.front().unfinished() == 0) batches_.pop_front();
}

/// To cut a batch in two takes memory, and comes first: where there is none, nothing has been taken. Those behind it
/// are taken as they are.
task_bundles task_ledger::take_from(std::uint64_t from) {
  task_bundles taken;
  const auto whole =
      std::count_if(batches_.begin(), batches_.end(), [&](const auto& batch) { return batch.first_ordinal() >= from; });
  task_bundles cut(static_cast<std::size_t>(whole));
  if (handed_batch* const first = batch_of(from); first && first->first_ordinal() < from)
    taken.emplace_back() = first->cut(from);
  for (auto place = cut.rbegin(); place != cut.rend(); ++place, batches_.pop_back())
    *place = batches_.back().cut(batches_.back().first_ordinal());
  taken.splice(taken.end(), cut);
  drop_finished();
  for (const task_bundle& each : taken) {
    unfinished_ -= each.count();
    unfinished_bytes_ -= each.inputs.bytes();
  }
  end_ordinal_ = from;
  return taken;
}

}  // namespace fanout::detail
