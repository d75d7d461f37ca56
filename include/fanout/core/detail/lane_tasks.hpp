#pragma once

#include <fanout/core/traits.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

/// \file
/// The task as the lanes of a run call it. Not for users: `run` is built from it.
namespace fanout::detail {

/// One task for all lanes, or a copy for each.
///
/// Thread safety: `of` may be called from all lanes at once.
template <class Task>
class lane_tasks {
 public:
  explicit lane_tasks(Task& original) : original_(original) {}

  Task& of(std::uint32_t) noexcept { return original_; }

 private:
  Task& original_;
};

template <class Task>
  requires is_per_lane_task<Task>
class lane_tasks<Task> {
 public:
  explicit lane_tasks(Task& original) : original_(original) {}

  /// Throws what copying the task throws.
  Task& of(std::uint32_t lane) {
    const std::lock_guard lock(mutex_);
    if (lane >= copies_.size()) copies_.resize(lane + 1);
    if (!copies_[lane]) copies_[lane] = std::make_unique<std::remove_const_t<Task>>(std::as_const(original_));
    return *copies_[lane];
  }

 private:
  Task& original_;
  std::mutex mutex_;                                               ///< guards the table; copies are their lanes' own
  std::deque<std::unique_ptr<std::remove_const_t<Task>>> copies_;  ///< by lane
};

}  // namespace fanout::detail
