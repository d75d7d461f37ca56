#pragma once

#include <fanout/base/task.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <memory>

/// \file
/// One timer for all the deadlines of a loop.
namespace fanout {

/// Base of whatever has a deadline on a loop. It unlinks itself when destroyed.
class deadline_entry {
 public:
  deadline_entry() = default;
  deadline_entry(const deadline_entry&) = delete;
  deadline_entry& operator=(const deadline_entry&) = delete;

  bool armed() const noexcept { return list_ != nullptr; }
  std::chrono::steady_clock::time_point deadline() const noexcept { return deadline_; }

 protected:
  virtual ~deadline_entry();

 private:
  friend class deadline_list;
  /// Called once on the loop's thread when the deadline has passed; the entry is already disarmed.
  virtual void on_deadline() = 0;

  class deadline_list* list_ = nullptr;
  deadline_entry* previous_ = nullptr;
  deadline_entry* next_ = nullptr;
  std::chrono::steady_clock::time_point deadline_{};
};

/// The deadlines of one event loop, watched by one coarse timer.
///
/// A timer object per operation costs a heap operation and often a system call each time it is armed; at 10,000
/// connections that took half of the request rate (DESIGN section 5). Here arming and disarming are a few stores into
/// an intrusive list. One timer sleeps until the earliest deadline known when it was set; when it fires, one sweep
/// expires what is due and finds the next. Deadlines mostly move into the future before they pass, so sweeps are rare.
/// An entry expires at its deadline or up to `granularity` later, never earlier.
///
/// While no entry is armed the timer is cancelled, so that a list keeps no `io_context::run()` from returning.
///
/// Thread safety: none; use it on the loop's thread only. Destroying it disarms all entries without expiring them.
class deadline_list {
 public:
  using clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds granularity{5};

  explicit deadline_list(asio::io_context& loop);
  deadline_list(const deadline_list&) = delete;
  deadline_list& operator=(const deadline_list&) = delete;
  ~deadline_list();

  /// Sets, or moves, the deadline of `entry`.
  void arm(deadline_entry& entry, clock::time_point deadline);
  void disarm(deadline_entry& entry) noexcept;
  std::size_t size() const noexcept { return size_; }

 private:
  void link(deadline_entry& entry, deadline_entry*& head) noexcept;
  void unlink(deadline_entry& entry) noexcept;
  void wake_at(clock::time_point when);
  void sweep();

  asio::basic_waitable_timer<clock, asio::wait_traits<clock>, asio::io_context::executor_type> timer_;
  deadline_entry* first_ = nullptr;
  deadline_entry* due_ = nullptr;  ///< taken off `first_` by the sweep under way, not yet expired
  std::size_t size_ = 0;
  clock::time_point wake_ = clock::time_point::max();  ///< when the timer fires; max while it is not set
  std::shared_ptr<bool> alive_;                        ///< false once this list is gone; seen by a late timer handler
};

}  // namespace fanout
