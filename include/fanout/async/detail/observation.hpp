#pragma once

#include <fanout/base/task.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <source_location>
#include <string_view>
#include <type_traits>
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

/// Runs everything on another executor, marked as part of one task.
class observed_executor {
 public:
  observed_executor(asio::any_io_executor inner, std::shared_ptr<task_record> record) noexcept
      : inner_(std::move(inner)), record_(std::move(record)) {}

  const asio::any_io_executor& inner() const noexcept { return inner_; }
  const std::shared_ptr<task_record>& record() const noexcept { return record_; }

  template <class F>
  void execute(F&& f) const {
    inner_.execute([record = record_, f = std::decay_t<F>(std::forward<F>(f))]() mutable {
      const running_mark running(std::move(record));
      std::move(f)();
    });
  }

  template <class Property>
    requires asio::can_query_v<const asio::any_io_executor&, Property>
  decltype(auto) query(const Property& property) const {
    return asio::query(inner_, property);
  }
  template <class Property>
    requires asio::can_require_v<const asio::any_io_executor&, Property>
  observed_executor require(const Property& property) const {
    return {asio::require(inner_, property), record_};
  }
  template <class Property>
    requires asio::can_prefer_v<const asio::any_io_executor&, Property>
  observed_executor prefer(const Property& property) const {
    return {asio::prefer(inner_, property), record_};
  }

  bool operator==(const observed_executor&) const noexcept = default;

 private:
  asio::any_io_executor inner_;
  std::shared_ptr<task_record> record_;
};

}  // namespace fanout::detail
