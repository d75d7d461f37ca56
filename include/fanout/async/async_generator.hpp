#pragma once

#include <fanout/base/task.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/this_coro.hpp>

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

/// \file
/// A coroutine that yields values one after another and may await in between.
///
///     fanout::async_generator<std::string> pages(std::string url) {
///       while (!url.empty()) {
///         page got = co_await fetch(url);
///         co_yield got.text;
///         url = got.next;
///       }
///     }
///
///     auto all = pages("http://…");
///     while (const std::optional<std::string> text = co_await all.next()) use(*text);
///
/// It feeds `run` and `map` too, given as an rvalue (core/source.hpp).
namespace fanout {

namespace detail {

/// What a generator awaits is run for it by the coroutine that called `next()`: a generator stands still unless
/// somebody waits for its next value. So there is no coroutine to spawn, to cancel or to wait for.
///
/// (Rejected: a coroutine of its own, spawned, that hands values over at a rendezvous. It outlives whoever stops
/// asking. `asio::experimental::coro` cannot await a `task<T>`.)
class generator_promise_base {
 public:
  std::suspend_always initial_suspend() const noexcept { return {}; }
  std::suspend_always final_suspend() const noexcept { return {}; }
  void return_void() const noexcept {}
  void unhandled_exception() noexcept { failure_ = std::current_exception(); }

  /// Awaits any task, hence any operation of Asio with `use_awaitable`.
  template <class U>
  auto await_transform(task<U> work) {
    return borrowed_await<U>(*this, std::move(work));
  }
  /// The executor of whoever called `next()`.
  auto await_transform(asio::this_coro::executor_t) { return await_transform(current_executor()); }

  /// \name For `async_generator::next`
  /// @{
  /// What the generator awaits now; empty when it has yielded or ended.
  std::optional<task<void>> take_work() noexcept { return std::exchange(work_, std::nullopt); }
  /// How that ended; thrown where the generator awaits it.
  void work_failed(std::exception_ptr failed) noexcept { work_failure_ = std::move(failed); }
  void rethrow_failure() {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }
  /// @}

 private:
  template <class U>
  class borrowed_await {
    using value_type = std::conditional_t<std::is_void_v<U>, std::monostate, U>;

   public:
    borrowed_await(generator_promise_base& promise, task<U> work) : promise_(promise), work_(std::move(work)) {}

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) { promise_.work_.emplace(perform(std::move(work_), value_)); }
    U await_resume() {
      if (promise_.work_failure_) std::rethrow_exception(std::exchange(promise_.work_failure_, nullptr));
      if constexpr (!std::is_void_v<U>) return std::move(*value_);
    }

   private:
    static task<void> perform(task<U> work, std::optional<value_type>& value) {
      if constexpr (std::is_void_v<U>)
        co_await std::move(work);
      else
        value.emplace(co_await std::move(work));
    }

    generator_promise_base& promise_;
    task<U> work_;
    std::optional<value_type> value_;
  };

  static task<asio::any_io_executor> current_executor() { co_return co_await asio::this_coro::executor; }

  std::optional<task<void>> work_;
  std::exception_ptr work_failure_;
  std::exception_ptr failure_;
};

}  // namespace detail

/// The values of a coroutine that `co_yield`s them, asked for one by one. Lazy: the coroutine runs only while somebody
/// awaits `next()`, inside that await, on the executor of whoever awaits. In it, `co_await` takes tasks and
/// `asio::this_coro::executor`.
///
/// Cancelling whoever awaits `next()` cancels what the generator awaits: it is thrown there, and a generator that does
/// not catch it ends. One that was cancelled while it stood still has lost nothing. An exception that leaves the
/// generator is thrown by `next()`; after that, and after its end, `next()` is empty.
///
/// Destroying it destroys the coroutine where it stands: at a `co_yield`, or never started. Objects that the coroutine
/// made for its executor, such as timers, must not outlive that executor's context; so destroy a generator before the
/// loop on which it was asked.
///
/// Thread safety: none; one `next()` at a time. The calls may come from different threads, one after the other.
template <class T>
class async_generator {
  static_assert(std::is_object_v<T>, "a generator yields values; for a reference, yield a pointer");

 public:
  using value_type = T;

  class promise_type : public detail::generator_promise_base {
   public:
    async_generator get_return_object() {
      return async_generator(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    template <class Value>
      requires std::is_constructible_v<T, Value&&>
    std::suspend_always yield_value(Value&& value) {
      value_.emplace(std::forward<Value>(value));
      return {};
    }
    std::optional<T> take_value() { return std::exchange(value_, std::nullopt); }

   private:
    std::optional<T> value_;
  };

  async_generator(async_generator&& other) noexcept : body_(std::exchange(other.body_, nullptr)) {}
  async_generator& operator=(async_generator&& other) noexcept {
    std::swap(body_, other.body_);
    return *this;
  }
  ~async_generator() { close(); }

  /// The next value; empty at the end. The generator must stay where it is until this has ended.
  task<std::optional<T>> next() { return advance(*this); }

  /// Destroys the coroutine where it stands; `next()` is empty from now on. Not while a `next()` is under way.
  void close() noexcept {
    if (body_) std::exchange(body_, nullptr).destroy();
  }

 private:
  explicit async_generator(std::coroutine_handle<promise_type> body) noexcept : body_(body) {}

  static task<std::optional<T>> advance(async_generator& self) {
    while (self.body_ && !self.body_.done()) {
      promise_type& promise = self.body_.promise();
      self.body_.resume();
      if (auto work = promise.take_work()) {
        try {
          co_await std::move(*work);
        } catch (...) {
          promise.work_failed(std::current_exception());
        }
        continue;
      }
      if (auto value = promise.take_value()) co_return value;
      promise.rethrow_failure();
    }
    co_return std::nullopt;
  }

  std::coroutine_handle<promise_type> body_;
};

}  // namespace fanout
