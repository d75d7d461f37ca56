#pragma once

#include <fanout/async/detail/wait_queue.hpp>

#include <cstddef>
#include <memory>
#include <stdexcept>

/// \file
/// A place where coroutines meet: `asyncio.Barrier`, for several loops and threads.
///
///     fanout::barrier meeting(3);
///     const std::size_t place = co_await meeting.arrive_and_wait();  // 0, 1 or 2; the last to arrive has 2
namespace fanout {

/// Thrown by a wait at a barrier that was broken.
class broken_barrier : public std::runtime_error {
 public:
  broken_barrier() : std::runtime_error("the barrier was broken by abort() or reset()") {}
};

/// Lets coroutines go on when so many of them have arrived, again and again.
///
/// `abort` breaks it: who waits, and who arrives later, throws `broken_barrier`, until `reset`. `reset` breaks
/// the waits under way, and the barrier is as new. A cancelled waiter throws `operation_aborted` and does not count as
/// arrived; the others wait on.
///
/// Thread safety: all members may be called from any thread. Destroying it ends all waits with `operation_aborted`.
class barrier {
 public:
  /// Throws `std::invalid_argument` for 0.
  explicit barrier(std::size_t parties);
  barrier(const barrier&) = delete;
  barrier& operator=(const barrier&) = delete;
  ~barrier();

  /// Waits for the others. Returns the place in the order of arrival, from 0; the last one has `parties() - 1` and does
  /// not suspend.
  task<std::size_t> arrive_and_wait();
  void abort() noexcept;
  void reset() noexcept;

  std::size_t parties() const noexcept;
  /// How many have arrived and wait at this moment.
  std::size_t waiting() const noexcept;
  bool broken() const noexcept;

 private:
  class state;
  static task<std::size_t> meet(std::shared_ptr<state> at);

  std::shared_ptr<state> state_;
};

}  // namespace fanout
