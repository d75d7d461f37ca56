#pragma once

#include <atomic>
#include <chrono>
#include <memory>

/// \file
/// The turns of tasks that are watched while debugging is on (async/debug.hpp). Not for users.
namespace fanout::detail {

extern std::atomic<bool> debugging_on;

/// Relaxed: a task spawned while it changes is watched or not; nothing else depends on it.
inline bool debugging() noexcept {
  return debugging_on.load(std::memory_order_relaxed);
}

class task_record;

/// Marks the calling thread as running a task, and measures for how long. A watchdog looks at it from another thread.
class running_mark {
 public:
  explicit running_mark(std::shared_ptr<task_record> record) noexcept;
  running_mark(const running_mark&) = delete;
  running_mark& operator=(const running_mark&) = delete;
  ~running_mark();

 private:
  friend class waiting_for;
  friend class watched_thread;

  std::shared_ptr<task_record> record_;
  running_mark* outer_ = nullptr;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::duration inner_{};  ///< spent in tasks that ran inside this one's turn
  bool told_ = false;                            ///< the watchdog has said that it goes on
};

}  // namespace fanout::detail
