#pragma once

#include <fanout/async/mutex.hpp>

#include <cstddef>
#include <limits>
#include <memory>
#include <utility>

/// \file
/// Waiting until something guarded by a mutex has changed: `asyncio.Condition`, for several loops and threads.
///
///     auto lock = co_await mutex.lock();
///     co_await changed.wait(lock, [&] { return !items.empty(); });  // the lock is held again
namespace fanout {

/// A condition variable for coroutines. First come, first notified; no spurious wake-ups.
///
/// Thread safety: all members may be called from any thread. Destroying it ends all waits with `operation_aborted`.
class condition {
 public:
  condition();
  condition(const condition&) = delete;
  condition& operator=(const condition&) = delete;
  ~condition();

  /// Unlocks, waits for a notification, and locks again before it returns or throws. Cancelled, it throws
  /// `operation_aborted` when it has the lock again; a notification that had just reached it goes to the next in line.
  /// A cancellation that comes while it waits for the lock, after it was notified, is left to the next `co_await`. Only
  /// if the mutex is destroyed meanwhile does it throw without the lock. `lock` must own its mutex, and outlive the
  /// wait.
  task<void> wait(mutex::scoped_lock& lock);

  /// Waits until `satisfied()`, which is called with the lock held.
  template <class Predicate>
  task<void> wait(mutex::scoped_lock& lock, Predicate satisfied) {
    return wait_until<Predicate>(state_, lock, std::move(satisfied));
  }

  /// Lets as many as `count` waiters go on. The lock need not be held.
  void notify(std::size_t count) noexcept;
  void notify_one() noexcept { notify(1); }
  void notify_all() noexcept { notify(std::numeric_limits<std::size_t>::max()); }

 private:
  class state;
  static task<void> wait_once(std::shared_ptr<state> awaited, mutex::scoped_lock& lock);
  static task<void> lock_again(std::shared_ptr<detail::permits> from, mutex::scoped_lock& lock);

  template <class Predicate>
  static task<void> wait_until(std::shared_ptr<state> awaited, mutex::scoped_lock& lock, Predicate satisfied) {
    while (!satisfied()) {
      auto notified = wait_once(awaited, lock);
      co_await std::move(notified);
    }
  }

  std::shared_ptr<state> state_;
};

}  // namespace fanout
