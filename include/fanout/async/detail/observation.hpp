#pragma once

#include <fanout/async/detail/instrumented_executor.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <source_location>
#include <string_view>
#include <utility>

/// \file
/// How tasks are watched while debugging is on (async/debug.hpp). Not for users.
namespace fanout::detail {

extern std::atomic<bool> debugging_on;

/// Relaxed: a task spawned while it changes is watched or not; nothing else depends on it.
inline bool debugging() noexcept {
  return debugging_on.load(std::memory_order_relaxed);
}

inline constexpr std::size_t no_index = static_cast<std::size_t>(-1);

/// What is known of a child when it is spawned.
struct spawn_site {
  std::string_view name = {};
  std::size_t index = no_index;     ///< among the children spawned together
  std::source_location where = {};  ///< line 0: not known
};

class task_record;

/// Says for its lifetime what the running task waits for; `what` must be a literal. Place one beside a `co_await`.
class waiting_for {
 public:
  explicit waiting_for(const char* what) noexcept {
    if (debugging()) set(what);
  }
  waiting_for(const waiting_for&) = delete;
  waiting_for& operator=(const waiting_for&) = delete;
  ~waiting_for() {
    if (record_) clear();
  }

 private:
  void set(const char* what) noexcept;
  void clear() noexcept;

  task_record* record_ = nullptr;
  const char* before_ = nullptr;
};

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

/// A task's share in the books. Empty while debugging is off.
class task_observation {
 public:
  task_observation() = default;
  task_observation(const task_observation&) = delete;
  task_observation& operator=(const task_observation&) = delete;
  ~task_observation() { end(); }

  /// Opens the books where debugging is on; `parent` is the executor of the coroutine that awaits the task.
  bool begin(const spawn_site& site, const asio::any_io_executor& parent) { return debugging() && open(site, parent); }
  /// The executor to run the task on instead of `parent`.
  asio::any_io_executor watch(const asio::any_io_executor& parent) const;
  /// For the task's first turn, which the executor does not see.
  running_mark mark() const noexcept { return running_mark(record_); }
  void end() noexcept {
    if (record_) close();
  }
  /// The task's coroutine was destroyed before its end.
  void abandon() noexcept;
  /// The failure of an ended task reached nobody.
  void report_unobserved(const std::exception_ptr& failed) const {
    if (record_) report(failed);
  }

 private:
  bool open(const spawn_site& site, const asio::any_io_executor& parent);
  void close() noexcept;
  void report(const std::exception_ptr& failed) const;

  std::shared_ptr<task_record> record_;
};

/// Marks each turn as part of one task.
struct task_watch {
  std::shared_ptr<task_record> record;

  running_mark enter() && noexcept { return running_mark(std::move(record)); }
  bool operator==(const task_watch&) const noexcept = default;
};
using observed_executor = instrumented_executor<task_watch>;

/// The executor that `executor` runs everything on, where it is an instrumented one: that of a task which is watched
/// while debugging is on, or of one with a listener. Null for any other.
const asio::any_io_executor* watched_by(const asio::any_io_executor& executor) noexcept;

}  // namespace fanout::detail
