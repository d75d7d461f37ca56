#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/core/detail/control.hpp>

#include <deque>
#include <mutex>
#include <utility>

namespace fanout::detail {

/// Where the thread of a run waits that has no event loop: for other threads to wake it, for its source, for a change
/// of the run, and for Ctrl-C.
///
/// Thread safety: `wake` from any thread; `wait` on one.
class run_wait {
 public:
  /// Throws `std::system_error`.
  run_wait();

  void wake() noexcept;
  /// Returns when one of these has happened, after `limit_ms`, or for no reason; then all is to be asked again.
  /// `source` is the descriptor of a source that is not ready, or negative; `limit_ms` is negative for no limit. Has
  /// the run follow its interrupt.
  void wait(run_control& control, int source, int limit_ms);

 private:
  owned_descriptor woken_;  ///< an event descriptor
  /// The first stage of the interrupt was seen here. Its level does not say so: it may rise right before a wait.
  bool drained_ = false;
};

/// What other threads have for the thread of a run. It costs a system call only when that thread is asleep.
///
/// Thread safety: `add` and `wake` from any thread; the rest on the run's.
template <class Event>
class run_inbox {
 public:
  /// Leaves the event as it was where there is no memory for it.
  void add(Event&& event) {
    std::unique_lock lock(mutex_);
    events_.push_back(std::move(event));
    const bool asleep = std::exchange(asleep_, false);
    lock.unlock();
    if (asleep) wait_.wake();
  }
  void wake() noexcept { wait_.wake(); }

  /// Moves what has come behind what `taken` has.
  void take(std::deque<Event>& taken) {
    const std::lock_guard lock(mutex_);
    if (taken.empty()) return taken.swap(events_);
    for (Event& each : events_) taken.push_back(std::move(each));
    events_.clear();
  }
  /// As `run_wait::wait`. False, and at once, where something has come.
  bool wait(run_control& control, int source, int limit_ms) {
    {
      const std::lock_guard lock(mutex_);
      if (!events_.empty()) return false;
      asleep_ = true;
    }
    wait_.wait(control, source, limit_ms);
    return true;
  }

 private:
  run_wait wait_;
  std::mutex mutex_;  ///< guards what follows
  std::deque<Event> events_;
  bool asleep_ = false;
};

}  // namespace fanout::detail
