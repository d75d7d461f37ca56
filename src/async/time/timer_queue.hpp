#pragma once

#include <fanout/async/detail/adaptive_mutex.hpp>
#include <fanout/async/detail/queued_timer.hpp>

#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <vector>

namespace fanout::detail {

/// The timers of one `io_context`, on one timer: an Asio service.
///
/// A heap with four children to a node: most timers are set for later than those before them, which costs one step, and
/// most are stopped before they fire. (A wheel of lists would do both in constant time, but fires on its ticks only.)
/// The timer is set anew when a queued timer is earlier than all others; when that one is stopped, the timer fires for
/// nothing once. A timer that is set keeps the context's `run` from returning; while there is no queued_timer left that
/// is balanced by one unit of work less, since to cancel it and set it again is two system calls, and most often
/// another queued_timer is set at once.
///
/// Thread safety: all members, from the threads that run the context.
class timer_queue final : public asio::execution_context::service {
 public:
  using clock = std::chrono::steady_clock;
  static inline asio::execution_context::id id;

  explicit timer_queue(asio::io_context& context);

  void set(queued_timer& fresh, clock::time_point when);
  bool stop(queued_timer& set) noexcept;

 private:
  struct entry {
    clock::time_point when;
    queued_timer* what;
  };

  void shutdown() override;

  // All of these with the lock held. Places count from 1.
  entry& at(std::size_t place) noexcept { return heap_[place - 1]; }
  void put(std::size_t place, entry moved) noexcept;
  void rise(std::size_t place, entry moved) noexcept;
  void sink(std::size_t place, entry moved) noexcept;
  void remove(std::size_t place) noexcept;
  void wake_at(clock::time_point when);

  queued_timer* next_due(clock::time_point now) noexcept;
  void fire_all_due();
  void count_as_work() noexcept;

  adaptive_mutex mutex_;
  std::vector<entry> heap_;
  asio::basic_waitable_timer<clock, asio::wait_traits<clock>, asio::io_context::executor_type> timer_;
  clock::time_point wake_ = clock::time_point::max();  ///< when the timer fires; max while it is not set
  bool pending_ = false;                               ///< the timer is set and has not fired
  bool idle_ = false;                                  ///< it is set, for no queued_timer, and does not count as work
};

}  // namespace fanout::detail
