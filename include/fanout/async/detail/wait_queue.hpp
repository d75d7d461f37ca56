#pragma once

#include <fanout/async/detail/adaptive_mutex.hpp>
#include <fanout/async/detail/parked_handler.hpp>
#include <fanout/base/task.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/intrusive/list.hpp>

#include <atomic>
#include <forward_list>
#include <memory>
#include <mutex>
#include <utility>

/// \file
/// What semaphores, events and channels are made of: coroutines and threads that wait, in a line.
///
/// A primitive is a handle to a `waitable`, its shared state. Who waits is a `waiter`, which lives in the frame of the
/// waiting coroutine (or on the stack of the waiting thread) and is linked into a list of the waitable: waiting
/// allocates nothing. Whoever lets it go on settles the wait under the waitable's mutex and resumes it after that mutex
/// was given back, by a post to the coroutine's own executor, so waiters of several loops and threads may share a
/// primitive.
///
/// What may end a wait, and what becomes of it:
/// - It is granted. If the waiter is then cancelled, or its frame destroyed, before it has run again, what it was
///   handed is taken back and passed on (`waitable::take_back`).
/// - It is cancelled. The waiter leaves the line; its coroutine throws `operation_aborted`.
/// - The primitive is destroyed. All waits end with `operation_aborted`. The state stays until the last coroutine that
///   waited for it is gone, so they may be destroyed, or go on, after the primitive.
/// - The context of the coroutine (an `io_context`, a `thread_pool`) is destroyed. The waiter leaves the line and its
///   coroutine is destroyed, as those that wait for a timer are. Other threads may use the primitive meanwhile.
///
/// A waiter does not count as work of its executor. `co_spawn` does that for as long as the coroutine lives. A post
/// that finds no memory ends the program: there is nobody left whom it could be told.
namespace fanout::detail {

class loop_waits;
struct membership;
class waitable;

enum class wait_outcome {
  waiting,
  granted,
  refused,  ///< the primitive said no: a channel was closed, a barrier is broken
  aborted,  ///< the waiter was cancelled, or the primitive destroyed
};

struct in_line;
struct on_loop;
template <class Tag>
using wait_hook = boost::intrusive::list_base_hook<boost::intrusive::tag<Tag>,
                                                   boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// One wait: an entry in a line. Everything in it is guarded by the waitable's mutex until the wait is settled.
class waiter : public wait_hook<in_line>, public wait_hook<on_loop> {
 public:
  waiter(const waiter&) = delete;
  waiter& operator=(const waiter&) = delete;

  bool queued() const noexcept { return wait_hook<in_line>::is_linked(); }

  /// Where the primitive puts, or finds, what is handed over. What it points to is the primitive's business.
  void* place = nullptr;

 protected:
  explicit waiter(waitable& queue) noexcept : queue_(queue) {}
  virtual ~waiter() = default;

  /// What came of the wait; from here on it is over, and what was granted stays with who waited.
  wait_outcome finish() noexcept;
  /// Leaves the line if it is still there; passes on what was granted if `finish` was never reached.
  void withdraw() noexcept;

  waitable& queue_;
  wait_outcome outcome_ = wait_outcome::waiting;
  bool enlisted_ = false;  ///< the owner's own note, so that a wait that never began needs no lock to end

 private:
  friend class waitable;
  friend class woken;
  /// Called under the lock; lets the end of its context, or of the primitive, find it.
  virtual void join() = 0;
  /// Called under the lock; tells whether `resume` is to be called after it.
  virtual bool settle() noexcept = 0;
  virtual void resume() noexcept = 0;

  waiter* next_resumed_ = nullptr;
};

using wait_list = boost::intrusive::list<waiter, boost::intrusive::base_hook<wait_hook<in_line>>,
                                         boost::intrusive::constant_time_size<false>>;
using loop_list = boost::intrusive::list<waiter, boost::intrusive::base_hook<wait_hook<on_loop>>,
                                         boost::intrusive::constant_time_size<false>>;

/// Waiters that go on. Make it before the lock is taken: it resumes them after the lock was given back. Its list is not
/// the line's, for a waiter in it may be cancelled, under the lock, while others are being resumed without.
class woken {
 public:
  woken() = default;
  woken(const woken&) = delete;
  woken& operator=(const woken&) = delete;
  ~woken() {
    if (first_) resume_all();
  }

  void push(waiter& settled) noexcept {
    *last_ = &settled;
    last_ = &settled.next_resumed_;
  }

 private:
  void resume_all() noexcept;

  waiter* first_ = nullptr;
  waiter** last_ = &first_;
};

/// A coroutine that waits. It lives in that coroutine's frame, which must keep the waitable alive.
///
///     coroutine_waiter me(*state, co_await asio::this_coro::executor);
///     if (!state->take_or_enlist(me)) {
///       auto granted = me.wait();
///       co_await std::move(granted);
///       me.expect_granted();
///     }
class coroutine_waiter final : public waiter {
 public:
  coroutine_waiter(waitable& queue, asio::any_io_executor executor) noexcept
      : waiter(queue), executor_(std::move(executor)) {}
  ~coroutine_waiter() override {
    if (enlisted_) withdraw();
  }

 private:
  template <bool Cancellable>
  auto wait_with() {
    return asio::async_initiate<const asio::deferred_t&, void()>(
        [](auto handler, coroutine_waiter* self) { self->arm<Cancellable>(std::move(handler)); }, asio::deferred, this);
  }

 public:
  /// What to await once enlisted. Cancelling the coroutine ends the wait.
  auto wait() { return wait_with<true>(); }
  /// The same, deaf to cancellation. `asio::this_coro::throw_if_cancelled(false)` belongs before it.
  auto wait_uncancelled() { return wait_with<false>(); }

  /// Whether the wait is over already; then there is nothing to await. Before `wait` only.
  bool over() const noexcept { return state_.load(std::memory_order_acquire) == settled; }

  using waiter::finish;
  /// Ends the wait; throws `operation_aborted` unless it was granted or refused. True: granted.
  bool expect_granted();

 private:
  friend class loop_waits;
  friend class waitable;

  enum state { enlisted, armed, settled };

  struct canceller {
    coroutine_waiter* target;
    void operator()(asio::cancellation_type) const { target->cancel(); }
  };

  /// Keeps the handler, which owns the coroutine, until the wait is settled. Once armed, another thread may run the
  /// coroutine and destroy its frame with this in it, so that is the last that is done.
  template <bool Cancellable, class Handler>
  void arm(Handler handler) {
    if constexpr (Cancellable) {
      auto slot = asio::get_associated_cancellation_slot(handler);
      if (slot.is_connected()) slot.template emplace<canceller>(canceller{this});
    }
    parked_.park(std::move(handler));
    became_armed();
  }

  void cancel() noexcept;
  void became_armed() noexcept;
  void post() noexcept;
  void join() override;
  bool settle() noexcept override;
  void resume() noexcept override;

  asio::any_io_executor executor_;
  loop_waits* loop_ = nullptr;
  std::atomic<state> state_ = enlisted;
  parked_handler<> parked_;
};

/// A thread that waits. It lives on that thread's stack.
class thread_waiter final : public waiter {
 public:
  explicit thread_waiter(waitable& queue) noexcept : waiter(queue) {}
  ~thread_waiter() override {
    if (enlisted_) withdraw();
  }

  /// Blocks until the wait is settled.
  wait_outcome wait();

 private:
  void join() override;
  bool settle() noexcept override;
  void resume() noexcept override {}

  std::atomic<int> settled_ = 0;
};

/// The state of a primitive. Derived classes add their lines and what is waited for, guarded by `mutex_`.
class waitable : public std::enable_shared_from_this<waitable> {
 public:
  waitable();
  waitable(const waitable&) = delete;
  waitable& operator=(const waitable&) = delete;

  /// Ends all waits with `operation_aborted`, and those that begin later. Called when the primitive is destroyed.
  void abandon() noexcept;

 protected:
  virtual ~waitable();

  // All of these with the lock held.
  /// Puts a waiter at the end of `line`; throws `operation_aborted` once abandoned.
  void enlist(waiter& last, wait_list& line);
  /// Takes it out of its line; it goes on after the lock was given back.
  void settle(waiter& served, wait_outcome outcome, woken& resumed) noexcept;
  void settle_all(wait_list& line, wait_outcome outcome, woken& resumed) noexcept;

  mutable adaptive_mutex mutex_;

 private:
  friend class waiter;
  friend class coroutine_waiter;
  friend class loop_waits;
  friend class thread_waiter;

  /// A waiter left its line before its turn.
  virtual void left(waiter&) noexcept {}
  /// A waiter that was granted will never know: passes on what it was handed. False where the grant stands.
  virtual bool take_back(waiter&, woken&) noexcept { return false; }

  membership& membership_of(asio::execution_context& context);
  void leave_line(waiter& leaving) noexcept;
  void loop_ended(const loop_waits& loop) noexcept;

  std::forward_list<membership> loops_;  ///< one for each context whose coroutines have waited here
  loop_list threads_;
  bool abandoned_ = false;
};

}  // namespace fanout::detail
