#pragma once

#include <fanout/async/detail/child_scope.hpp>
#include <fanout/async/detail/queued_timer.hpp>
#include <fanout/base/failure.hpp>
#include <fanout/base/saturated_time.hpp>
#include <fanout/base/task.hpp>

#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

/// \file
/// Coroutines that get only so much time, and coroutines that must not be disturbed.
///
///     page got = co_await fanout::timeout(2s, fetch(url));       // throws fanout::error, kind timeout
///     co_await fanout::shield(write_journal(got));
///
/// Structured: both return only after the task has ended. Works on any executor; the task runs on the awaiting
/// coroutine's, which must not run two handlers at the same time: an `io_context` with one thread, or a strand.
namespace fanout {

namespace detail {

/// One child, whose end the parent awaits. The failure is kept beside the value.
class single_child : public child_scope {
 protected:
  explicit single_child(asio::any_io_executor executor) : child_scope(std::move(executor)) {}
  ~single_child() = default;

  child& only() noexcept { return child_; }
  const std::exception_ptr& failure() const noexcept { return failed_; }
  void on_end(child& ended, const std::exception_ptr& failed) override;

 private:
  child child_;
  std::exception_ptr failed_;
};

/// A child that is cancelled at a point in time.
class timed_child : public single_child, private queued_timer {
 protected:
  timed_child(asio::any_io_executor executor, std::chrono::steady_clock::time_point begun,
              std::chrono::steady_clock::time_point deadline);
  ~timed_child() override = default;

  /// Throws what the child threw, or the timeout in place of the cancellation that it was answered with.
  [[noreturn]] void rethrow() const;
  void on_started();
  void on_end(child& ended, const std::exception_ptr& failed) override;
  void on_abandoned(child*) noexcept override { disarm(); }

 private:
  void disarm() noexcept;
  bool fire() override;

  std::chrono::steady_clock::time_point begun_;
  std::chrono::steady_clock::time_point deadline_;
  bool armed_ = false;
  bool ended_ = false;
  bool expired_ = false;
};

/// A child that does not hear of its parent's cancellation.
class shielded_child : public single_child {
 protected:
  using single_child::single_child;
  ~shielded_child() = default;
  [[noreturn]] void rethrow() const;
  void on_started() {}
  void on_parent_cancelled() override {}
};

/// The typed half.
template <class Rule, class T>
class only_child final : public Rule {
 public:
  template <class... Argument>
  only_child(task<T> work, spawn_site site, Argument&&... argument)
      : Rule(std::forward<Argument>(argument)...), work_(std::move(work)), site_(site) {}

  T result() {
    if (!value_) this->rethrow();
    if constexpr (!std::is_void_v<T>) return std::move(*value_);
  }

 private:
  void start() override {
    this->template spawn<T>(this->only(), std::move(work_), value_, site_);
    this->on_started();
  }

  task<T> work_;
  spawn_site site_;
  std::optional<gathered_t<T>> value_;
};

}  // namespace detail

/// Runs `work` until `deadline`, and returns its value or throws what it throws. Then it is cancelled and awaited; if
/// it answers with its cancellation, throws a `fanout::error` of kind `timeout`. A value or a failure that it has in
/// spite of that is not lost.
///
/// Timeouts nest: what throws is the one that expired. Inside another task that is cancelled, by an outer timeout for
/// example, this one passes the cancellation on, and its own deadline says nothing any more.
template <class T>
task<T> timeout_at(std::chrono::steady_clock::time_point deadline, task<T> work,
                   std::source_location where = std::source_location::current()) {
  const auto executor = co_await asio::this_coro::executor;
  const auto begun = std::chrono::steady_clock::now();
  detail::only_child<detail::timed_child, T> child(std::move(work), {.name = "timeout", .where = where}, executor,
                                                   begun, deadline);
  task<void> end = child.run();
  co_await std::move(end);
  co_return child.result();
}

/// The same for a point in time of another unit.
template <class Unit, class T>
task<T> timeout_at(std::chrono::time_point<std::chrono::steady_clock, Unit> deadline, task<T> work,
                   std::source_location where = std::source_location::current()) {
  return timeout_at(detail::saturating_cast(deadline), std::move(work), where);
}

/// The same for a time from when this is awaited; one that ends later than the clock can say never does.
template <class T>
task<T> timeout(any_duration<std::chrono::steady_clock::duration> duration, task<T> work,
                std::source_location where = std::source_location::current()) {
  const auto executor = co_await asio::this_coro::executor;
  const auto begun = std::chrono::steady_clock::now();
  detail::only_child<detail::timed_child, T> child(std::move(work), {.name = "timeout", .where = where}, executor,
                                                   begun, detail::after(begun, duration));
  task<void> end = child.run();
  co_await std::move(end);
  co_return child.result();
}

/// Runs `work` to its end, although the awaiting coroutine is cancelled in the meantime; that one goes on after the
/// end, with the value, and sees its cancellation at the next `co_await`. (In asyncio the shielded task is left
/// running.) If it was cancelled before, `work` does not begin.
template <class T>
task<T> shield(task<T> work, std::source_location where = std::source_location::current()) {
  const auto executor = co_await asio::this_coro::executor;
  detail::only_child<detail::shielded_child, T> child(std::move(work), {.name = "shield", .where = where}, executor);
  task<void> end = child.run();
  co_await std::move(end);
  co_return child.result();
}

}  // namespace fanout
