#include "process/supervisor/worker_process.hpp"

#include <algorithm>
#include <utility>

namespace fanout::detail {

bool handed_batch::finish(std::uint64_t first, std::uint64_t end) {
  const auto from = static_cast<std::uint32_t>(first - first_ordinal_);
  const auto to = static_cast<std::uint32_t>(end - first_ordinal_);
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
  const auto place = static_cast<std::uint32_t>(ordinal - first_ordinal_);
  task_bundle kept = tasks_.part(0, place);
  task_bundle rest = place == 0 ? std::exchange(tasks_, {}) : tasks_.part(place, tasks_.count());
  unfinished_ -= rest.count();
  tasks_ = std::move(kept);
  return rest;
}

handed_batch* worker_process::batch_of(std::uint64_t ordinal) {
  if (batches.empty() || ordinal >= end_ordinal) return nullptr;
  if (ordinal < batches.front().end_ordinal())
    return ordinal < batches.front().first_ordinal() ? nullptr : &batches.front();
  const auto after =
      std::upper_bound(batches.begin(), batches.end(), ordinal,
                       [](std::uint64_t it, const handed_batch& batch) { return it < batch.first_ordinal(); });
  return &*(after - 1);
}

bool worker_process::finished_any_from(std::uint64_t ordinal) const {
  return std::any_of(batches.begin(), batches.end(), [&](const handed_batch& batch) {
    return batch.end_ordinal() > ordinal && batch.untouched_ordinal() > std::max(ordinal, batch.first_ordinal());
  });
}

}  // namespace fanout::detail
