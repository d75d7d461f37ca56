#pragma once

#include <fanout/async/detail/instrumented_executor.hpp>
#include <fanout/async/detail/running_mark.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <source_location>
#include <string_view>
#include <utility>

/// \file
/// How tasks are watched while debugging is on (async/debug.hpp). Not for users.
namespace fanout::detail {

inline constexpr std::size_t no_index = static_cast<std::size_t>(-1);

/// What is known of a child when it is spawned.
struct spawn_site {
  std::string_view name = {};
  std::size_t index = no_index;     ///< among the children spawned together
  std::source_location where = {};  ///< line 0: not known
};

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
