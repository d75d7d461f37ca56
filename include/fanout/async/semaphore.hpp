#pragma once

#include <fanout/async/detail/observation.hpp>
#include <fanout/async/detail/wait_queue.hpp>

#include <boost/asio/this_coro.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

/// \file
/// A limit on how many coroutines do something at the same time: `asyncio.Semaphore`, for several loops and threads.
///
///     fanout::semaphore at_once(10);
///
///     fanout::task<page> fetch_politely(fanout::semaphore& at_once, std::string url) {
///       auto permit = co_await at_once.acquire();  // given back when it goes out of scope
///       ...
///     }
namespace fanout {

namespace detail {

/// A number of permits and those who wait for one, first come, first served. While anybody waits, none is available.
class permits final : public waitable {
 public:
  explicit permits(std::size_t count) noexcept : available_(count) {}

  bool try_take() noexcept;
  /// False: `last` waits in line for its permit.
  bool take_or_enlist(coroutine_waiter& last);
  void give(std::size_t count) noexcept;
  std::size_t available() const noexcept;

 private:
  bool take_back(waiter& gone, woken& resumed) noexcept override;
  void hand_out(std::size_t count, woken& resumed) noexcept;

  wait_list line_;
  std::size_t available_;
};

/// One permit, given back when this is destroyed. It may outlive the primitive it came from.
class [[nodiscard]] held_permit {
 public:
  held_permit() = default;
  explicit held_permit(std::shared_ptr<permits> from) noexcept : from_(std::move(from)) {}
  held_permit(held_permit&&) = default;
  held_permit& operator=(held_permit&& other) noexcept {
    if (this != &other) {
      give_back();
      from_ = std::move(other.from_);
    }
    return *this;
  }
  ~held_permit() { give_back(); }

  bool held() const noexcept { return from_ != nullptr; }
  void give_back() noexcept {
    if (auto from = std::move(from_)) from->give(1);
  }
  /// Empties this; the permit is the caller's to give back.
  std::shared_ptr<permits> detach() noexcept { return std::move(from_); }

 private:
  std::shared_ptr<permits> from_;
};

/// Waits for a permit and hands it over as a `Held`.
template <class Held>
task<Held> acquire(std::shared_ptr<permits> from) {
  auto executor = co_await asio::this_coro::executor;
  coroutine_waiter me(*from, std::move(executor));
  if (!from->take_or_enlist(me)) {
    const waiting_for mark("a permit");
    auto granted = me.wait();
    co_await std::move(granted);
    me.expect_granted();
  }
  co_return Held(held_permit(std::move(from)));
}

}  // namespace detail

/// A counting semaphore whose waiters are coroutines. First come, first served: a permit given back goes to whoever has
/// waited longest, and nobody gets past the line.
///
/// A waiter that is cancelled leaves the line and throws `operation_aborted`; had it just been handed a permit, the
/// next in line gets it. Acquiring a free permit does not suspend.
///
/// Thread safety: all members may be called from any thread. Destroying it ends all waits with `operation_aborted`;
/// permits may outlive it.
class semaphore {
 public:
  /// The right to be one of so many. Movable; given back by its destructor.
  class permit {
   public:
    permit() = default;  ///< holds nothing
    explicit permit(detail::held_permit held) noexcept : held_(std::move(held)) {}

    bool held() const noexcept { return held_.held(); }
    /// Gives it back now.
    void release() noexcept { held_.give_back(); }
    /// Never gives it back: the semaphore has one fewer from now on.
    void forget() noexcept { held_.detach(); }

   private:
    detail::held_permit held_;
  };

  explicit semaphore(std::size_t permits) : state_(std::make_shared<detail::permits>(permits)) {}
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;
  ~semaphore() { state_->abandon(); }

  task<permit> acquire() { return detail::acquire<permit>(state_); }
  /// Empty where one would have to wait.
  [[nodiscard]] std::optional<permit> try_acquire() {
    if (!state_->try_take()) return std::nullopt;
    return permit(detail::held_permit(state_));
  }
  /// Adds permits, beyond those that were taken.
  void release(std::size_t count = 1) noexcept { state_->give(count); }

  /// How many are free at this moment; 0 while anybody waits.
  std::size_t available() const noexcept { return state_->available(); }

 private:
  std::shared_ptr<detail::permits> state_;
};

}  // namespace fanout
