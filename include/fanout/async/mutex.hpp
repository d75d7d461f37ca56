#pragma once

#include <fanout/async/semaphore.hpp>

#include <memory>
#include <optional>
#include <utility>

/// \file
/// Mutual exclusion of coroutines, across `co_await`: `asyncio.Lock`, for several loops and threads.
///
///     auto lock = co_await mutex.lock();  // unlocked when it goes out of scope
///
/// A `std::mutex` must not be held across a `co_await`: it blocks the loop, and the coroutine may go on in another
/// thread. This one blocks nobody.
namespace fanout {

/// A mutex for coroutines. First come, first served; not recursive.
///
/// A waiter that is cancelled leaves the line and throws `operation_aborted`; had it just been handed the lock, the
/// next in line gets it. Locking a free mutex does not suspend.
///
/// Thread safety: all members may be called from any thread. Destroying it ends all waits with `operation_aborted`;
/// locks may outlive it.
class mutex {
 public:
  /// Holds the mutex; unlocks it when destroyed. Movable.
  class scoped_lock {
   public:
    scoped_lock() = default;  ///< holds nothing
    explicit scoped_lock(detail::held_permit held) noexcept : held_(std::move(held)) {}

    bool owns_lock() const noexcept { return held_.held(); }
    /// Unlocks now.
    void unlock() noexcept { held_.give_back(); }

   private:
    friend class condition;
    detail::held_permit held_;
  };

  mutex() : state_(std::make_shared<detail::permits>(1)) {}
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;
  ~mutex() { state_->abandon(); }

  task<scoped_lock> lock() { return detail::acquire<scoped_lock>(state_); }
  /// Empty where one would have to wait.
  [[nodiscard]] std::optional<scoped_lock> try_lock() {
    if (!state_->try_take()) return std::nullopt;
    return scoped_lock(detail::held_permit(state_));
  }
  bool locked() const noexcept { return state_->available() == 0; }

 private:
  std::shared_ptr<detail::permits> state_;
};

}  // namespace fanout
