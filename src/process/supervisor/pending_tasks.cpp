#include "process/supervisor/pending_tasks.hpp"

#include "process/supervisor/worded.hpp"

#include <algorithm>
#include <iterator>
#include <new>

namespace fanout::detail {

std::optional<task_bundle> pending_tasks::next(std::uint32_t most, std::uint32_t workers) {
  if (returned_.empty()) return std::nullopt;
  task_bundle& front = returned_.front();
  const std::uint32_t share = std::min(most, front.count() / std::max(workers, 1U) + 1);
  if (share < front.count()) {
    task_bundle tasks = front.part(0, share);
    front = front.part(share, front.count());
    return tasks;
  }
  task_bundle tasks = std::move(front);
  returned_.pop_front();
  return tasks;
}

task_bundle pending_tasks::next_suspect() {
  task_bundle suspect = std::move(suspects_.front());
  suspects_.pop_front();
  return suspect;
}

void pending_tasks::put_back() {
  (in_hand_->deaths > 0 ? suspects_ : returned_).push_front(*std::move(in_hand_));
  in_hand_.reset();
}

void pending_tasks::cancel(std::function<bool(std::uint64_t)> whose) {
  unwanted_ = std::move(whose);
  drop_unwanted();
}

void pending_tasks::drop_unwanted() {
  drop_unwanted(returned_);
  drop_unwanted(suspects_);
}

void pending_tasks::drop_unwanted(task_bundles& tasks) {
  if (!unwanted_) return;
  for (auto each = tasks.begin(); each != tasks.end();) {
    std::uint32_t unwanted = 0;
    for (std::uint32_t i = 0; i < each->count(); ++i) unwanted += unwanted_(each->first_index + i) ? 1 : 0;
    if (unwanted > 0) drop_some(tasks, each);
    each = unwanted > 0 ? tasks.erase(each) : std::next(each);
  }
}

/// Puts what is wanted of `mixed` in front of it, and ends the rest.
void pending_tasks::drop_some(task_bundles& tasks, task_bundles::iterator mixed) {
  task_bundles wanted;
  bool all = false;
  std::uint32_t from = 0;
  try {
    for (std::uint32_t i = 0; i <= mixed->count(); ++i) {
      if (i < mixed->count() && !unwanted_(mixed->first_index + i)) continue;
      if (from < i) wanted.push_back(mixed->part(from, i));
      from = i + 1;
    }
  } catch (const std::bad_alloc&) {  // to keep some; then all of it ends
    wanted.clear();
    all = true;
  }
  for (std::uint32_t i = 0; i < mixed->count(); ++i)
    if (all || unwanted_(mixed->first_index + i))
      end_(mixed->first_index + i, worded(all ? failure_kind::too_large : failure_kind::cancelled, [&] {
             return all ? "there is no memory to hand it out again" : "it was not started";
           }));
  tasks.splice(mixed, wanted);
}

void pending_tasks::end_all(const std::function<failure()>& reason) {
  if (const auto left = std::exchange(in_hand_, std::nullopt))
    for (std::uint32_t i = 0; i < left->count(); ++i) end_(left->first_index + i, reason());
  returned_.splice(returned_.end(), suspects_);
  for (; !returned_.empty(); returned_.pop_front())
    for (std::uint32_t i = 0; i < returned_.front().count(); ++i) end_(returned_.front().first_index + i, reason());
}

}  // namespace fanout::detail
