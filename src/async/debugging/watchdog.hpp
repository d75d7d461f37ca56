#pragma once

#include <fanout/async/detail/running_mark.hpp>

#include "async/debugging/task_record.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

namespace fanout::detail {

/// The turns of tasks that a thread is in, one inside the other. Each thread that runs watched tasks has one.
class watched_thread {
 public:
  static watched_thread& mine();

  watched_thread(const watched_thread&) = delete;
  watched_thread& operator=(const watched_thread&) = delete;
  ~watched_thread();

  running_mark* current() const noexcept { return current_; }  ///< on its own thread
  void enter(running_mark& turn) noexcept;
  /// How long the turn held the thread, without the turns inside of it.
  std::chrono::nanoseconds leave(running_mark& turn) noexcept;

  struct stall {
    std::shared_ptr<task_record> who;
    std::chrono::nanoseconds held;
  };
  /// The turn the thread is in, if it has lasted for that long; once for each turn.
  std::optional<stall> stalls(std::chrono::nanoseconds threshold);

 private:
  watched_thread();

  std::mutex mutex_;  ///< guards the turns; written by this thread, read by the watchdog
  running_mark* current_ = nullptr;
};

/// Reports tasks that hold their loop while they hold it, since one that blocks for ever never ends. A thread of its
/// own, from the first turn of a watched task until debugging is turned off.
class watchdog {
 public:
  static watchdog& instance();

  /// Stops the thread and waits for its end, unless this is that thread. The next turn starts another.
  void stop();

 private:
  friend class watched_thread;
  watchdog() = default;

  void add(watched_thread& started);
  void remove(watched_thread& ending) noexcept;
  void start();
  void watch(std::stop_token stop);
  void look(std::chrono::nanoseconds threshold);

  std::mutex mutex_;  ///< taken before a thread's
  std::condition_variable_any stopped_;
  std::vector<watched_thread*> threads_;
  std::jthread watching_;
  std::atomic<bool> started_ = false;
};

}  // namespace fanout::detail
