#pragma once

#include <fanout/async/detail/adaptive_spin.hpp>
#include <fanout/async/detail/observation.hpp>
#include <fanout/async/detail/wait_queue.hpp>

#include <boost/asio/this_coro.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

/// \file
/// Values handed from coroutines to coroutines, between loops and threads: `asyncio.Queue`, with an end.
///
///     fanout::channel<page> pages(16);
///
///     co_await pages.send(std::move(page));               // waits while 16 are under way
///     ...
///     while (auto page = co_await pages.receive()) {  // until it is closed and empty
///       ...
///     }
namespace fanout {

/// Thrown by `send` on a channel that is closed.
class channel_closed : public std::runtime_error {
 public:
  channel_closed() : std::runtime_error("the channel is closed") {}
};

/// What `send` throws: the value that nobody will receive is in it.
template <class T>
class unsent : public channel_closed {
 public:
  explicit unsent(T unsent_value) noexcept : value(std::move(unsent_value)) {}
  T value;
};

/// A bounded queue of values with many senders and many receivers. A capacity of 0 is a rendezvous: `send` returns when
/// a receiver has the value.
///
/// First come, first served on both sides, and values arrive in the order in which they were accepted. One exception:
/// a receiver that is cancelled, or destroyed, when it had just been handed a value gives it back, and it is received
/// next. A cancelled `send` throws `operation_aborted` and destroys its value, unless it had been accepted: then it
/// returns, and the cancellation is left to the next `co_await`. Neither suspends where it need not wait.
///
/// `close` refuses everything sent from then on, and the senders that wait: they throw `unsent<T>`, which has the
/// value. What had been accepted is still received; after that `receive` returns nothing.
///
/// `T` may be move-only; moving it must not throw. Thread safety: all members may be called from any thread. The
/// blocking ones are for threads that run no loop. Destroying a channel closes it, and what it still holds is destroyed
/// with the last coroutine that waits for it. It must not be destroyed before what `send` and `receive` returned has
/// begun, or been dropped.
template <class T>
class channel {
  static_assert(std::is_nothrow_move_constructible_v<T>, "a value that is handed over must not get lost in between");

 public:
  /// `capacity`: how many values may be under way, accepted and not received.
  explicit channel(std::size_t capacity) : state_(std::make_shared<state>(capacity)) {}
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;
  ~channel() { close(); }

  task<void> send(T value) { return send_to(*state_, std::move(value)); }
  /// False where `send` would wait, or throw; `value` is then untouched.
  [[nodiscard]] bool try_send(T&& value) { return state_->offer(value, nullptr) == step::done; }
  [[nodiscard]] bool try_send(const T& value) {
    T copy(value);
    return try_send(std::move(copy));
  }
  /// Blocks the thread instead of a coroutine.
  void send_blocking(T value) {
    detail::thread_waiter me(*state_);
    step taken = state_->offer(value, &me);
    if (taken == step::enlisted && me.wait() != detail::wait_outcome::granted) taken = step::closed;
    if (taken == step::closed) throw unsent<T>(std::move(value));
  }

  /// The next value; nothing when the channel is closed and empty.
  ///
  /// In a race its value may be lost: `race_to_finish(queue.receive(), stop.wait())` drops what the loser returns, and
  /// both may be done in the same turn, or the value be there at once. `timeout(1s, queue.receive())` loses none: it
  /// returns a value that came beside its deadline. Where something else ends the waiting, let it `close` the channel.
  task<std::optional<T>> receive() { return receive_from(*state_); }
  /// Nothing where `receive` would wait, too.
  [[nodiscard]] std::optional<T> try_receive() {
    std::optional<T> value;
    state_->take(value, nullptr);
    return value;
  }
  /// Blocks the thread instead of a coroutine.
  std::optional<T> receive_blocking() {
    std::optional<T> value;
    detail::thread_waiter me(*state_);
    if (state_->take(value, &me) == step::enlisted) me.wait();
    return value;
  }

  void close() noexcept { state_->close(); }
  bool closed() const noexcept { return state_->closed(); }
  /// How many values were accepted and not received.
  std::size_t size() const noexcept { return state_->size(); }
  std::size_t capacity() const noexcept { return state_->capacity(); }

 private:
  enum class step { done, enlisted, closed, would_wait };

  class state;

  // Where there is no need to wait, that takes a small frame, one locking and no count of references, which between two
  // threads is all there is to pay for.
  static task<void> send_to(state& to, T value) {
    step taken = to.offer(value, nullptr);
    if (taken == step::would_wait && to.room_soon()) taken = to.offer(value, nullptr);
    if (taken == step::would_wait) {
      auto accepted = wait_to_send(to.shared(), value);
      taken = co_await std::move(accepted);
    }
    if (taken == step::closed) throw unsent<T>(std::move(value));
  }

  static task<step> wait_to_send(std::shared_ptr<state> to, T& value) {
    auto executor = co_await asio::this_coro::executor;
    detail::coroutine_waiter me(*to, std::move(executor));
    step taken = to->offer(value, &me);
    if (taken == step::enlisted) {
      if (!to->accepted_soon(me)) {
        const detail::waiting_for mark("room in a channel");
        auto accepted = me.wait();
        co_await std::move(accepted);
      }
      taken = me.expect_granted() ? step::done : step::closed;
    }
    co_return taken;
  }

  static task<std::optional<T>> receive_from(state& from) {
    std::optional<T> value;
    step taken = from.take(value, nullptr);
    if (taken == step::would_wait && from.values_soon()) taken = from.take(value, nullptr);
    if (taken == step::would_wait) {
      auto handed_over = wait_to_receive(from.shared(), value);
      co_await std::move(handed_over);
    }
    co_return std::move(value);
  }

  static task<void> wait_to_receive(std::shared_ptr<state> from, std::optional<T>& value) {
    auto executor = co_await asio::this_coro::executor;
    detail::coroutine_waiter me(*from, std::move(executor));
    if (from->take(value, &me) != step::enlisted) co_return;
    if (!from->handed_over_soon(me)) {
      const detail::waiting_for mark("a value from a channel");
      auto handed_over = me.wait();
      co_await std::move(handed_over);
    }
    me.expect_granted();
  }

  std::shared_ptr<state> state_;
};

/// The values that were accepted, and those who wait. While receivers wait there is no value and no sender; while
/// senders wait there is no room.
template <class T>
class channel<T>::state final : public detail::waitable {
 public:
  explicit state(std::size_t capacity) noexcept : capacity_(capacity) {}

  std::shared_ptr<state> shared() { return std::static_pointer_cast<state>(this->shared_from_this()); }

  /// Moves from `value` when it is accepted. Without a waiter, `would_wait` instead of `enlisted`.
  step offer(T& value, detail::waiter* sender) {
    detail::woken resumed;
    const std::lock_guard lock(mutex_);
    sending_.note();
    if (closed_) return step::closed;
    if (!receivers_.empty()) {
      hand_to_receiver(value, resumed);
      return step::done;
    }
    if (values_.size() < capacity_) {
      values_.push_back(std::move(value));
      note_count();
      return step::done;
    }
    if (!sender) return step::would_wait;
    sender->place = &value;
    enlist(*sender, senders_);
    return step::enlisted;
  }

  step take(std::optional<T>& place, detail::waiter* receiver) {
    detail::woken resumed;
    const std::lock_guard lock(mutex_);
    receiving_.note();
    if (!values_.empty()) {
      place.emplace(std::move(values_.front()));
      values_.pop_front();
      if (!senders_.empty() && values_.size() < capacity_) values_.push_back(accept(resumed));
      note_count();
      return step::done;
    }
    if (!senders_.empty()) {
      place.emplace(accept(resumed));
      return step::done;
    }
    if (closed_) return step::closed;
    if (!receiver) return step::would_wait;
    receiver->place = &place;
    enlist(*receiver, receivers_);
    return step::enlisted;
  }

  // Where the other side is at work on another thread, a wait may be over before a coroutine is suspended for it. In a
  // channel with room for several values, who waits lets the other side work undisturbed until half of them are through
  // or it pauses: each value then costs its own work, and not the way of a lock from one core to another.
  bool room_soon() noexcept {
    if (capacity_ < several) return false;
    return receiving_.serves_soon(pause_between_looks, [this, before = capacity_]() mutable noexcept {
      const std::size_t now = count_.load(std::memory_order_relaxed);
      return now <= capacity_ / 2 || (now == std::exchange(before, now) && now < capacity_);
    });
  }
  bool values_soon() noexcept {
    if (capacity_ < several) return false;
    return sending_.serves_soon(pause_between_looks, [this, before = std::size_t{0}]() mutable noexcept {
      const std::size_t now = count_.load(std::memory_order_relaxed);
      return now > capacity_ / 2 || (now == std::exchange(before, now) && now > 0);
    });
  }
  // With room for fewer, values are handed over one by one, and to look disturbs nobody.
  bool accepted_soon(const detail::coroutine_waiter& sender) noexcept {
    return capacity_ < several && receiving_.serves_soon({}, [&]() noexcept { return sender.over(); });
  }
  bool handed_over_soon(const detail::coroutine_waiter& receiver) noexcept {
    return capacity_ < several && sending_.serves_soon({}, [&]() noexcept { return receiver.over(); });
  }

  void close() noexcept {
    detail::woken resumed;
    const std::lock_guard lock(mutex_);
    closed_ = true;
    settle_all(senders_, detail::wait_outcome::refused, resumed);
    settle_all(receivers_, detail::wait_outcome::refused, resumed);
  }

  bool closed() const noexcept {
    const std::lock_guard lock(mutex_);
    return closed_;
  }
  std::size_t size() const noexcept {
    const std::lock_guard lock(mutex_);
    return values_.size();
  }
  std::size_t capacity() const noexcept { return capacity_; }

 private:
  static constexpr std::size_t several = 4;
  static constexpr std::chrono::microseconds pause_between_looks{1};

  void note_count() noexcept { count_.store(values_.size(), std::memory_order_relaxed); }

  void hand_to_receiver(T& value, detail::woken& resumed) noexcept {
    detail::waiter& first = receivers_.front();
    static_cast<std::optional<T>*>(first.place)->emplace(std::move(value));
    settle(first, detail::wait_outcome::granted, resumed);
  }

  /// The value of the first sender, which goes on. Taken first: a sender that is not suspended yet goes on at once.
  T accept(detail::woken& resumed) noexcept {
    detail::waiter& first = senders_.front();
    T value = std::move(*static_cast<T*>(std::exchange(first.place, nullptr)));
    settle(first, detail::wait_outcome::granted, resumed);
    return value;
  }

  /// A receiver's value goes to the next one, or back where it was. A sender's has long been somebody else's.
  bool take_back(detail::waiter& gone, detail::woken& resumed) noexcept override {
    if (!gone.place) return false;
    std::optional<T>& value = *static_cast<std::optional<T>*>(gone.place);
    if (!receivers_.empty())
      hand_to_receiver(*value, resumed);
    else
      values_.push_front(std::move(*value));
    note_count();
    value.reset();
    return true;
  }

  const std::size_t capacity_;
  std::deque<T> values_;
  detail::wait_list senders_;
  detail::wait_list receivers_;
  bool closed_ = false;
  std::atomic<std::size_t> count_ = 0;  ///< of `values_`; relaxed: who looks at it without the lock looks again with it
  detail::adaptive_spin sending_;
  detail::adaptive_spin receiving_;
};

}  // namespace fanout
