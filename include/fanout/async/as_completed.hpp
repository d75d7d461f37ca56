#pragma once

#include <fanout/async/detail/child_array.hpp>
#include <fanout/async/detail/single_waiter.hpp>
#include <fanout/async/settled.hpp>
#include <fanout/base/task.hpp>

#include <boost/asio/this_coro.hpp>

#include <cstddef>
#include <deque>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>
#include <vector>

/// \file
/// Several coroutines at once, consumed in the order in which they end.
///
///     fanout::task<int> first_large(fanout::completions<int>& done) {
///       while (auto each = co_await done.next())
///         if (each->value() > 100) co_return each->value();   // the rest is cancelled and awaited
///       co_return 0;
///     }
///     int large = co_await fanout::as_completed(std::move(sizes), first_large);
///
/// A coroutine cannot await anything when a scope of its own is left early, so the scope is a body, given as a callable
/// that returns a task. Where the coroutines may run, and what cancelling the awaiting one does: as with `gather`.
namespace fanout {

/// A task that has ended, and which one it was.
template <class T>
class completed : public settled<T> {
 public:
  completed(std::size_t index, settled<T> what) : settled<T>(std::move(what)), index_(index) {}
  std::size_t index() const noexcept { return index_; }

 private:
  std::size_t index_;
};

namespace detail {

/// Those that have ended queue up for the body; its end cancels the others.
class completion_queue : public all_settle {
 public:
  /// Waits for the next to end; empty when all have been taken.
  task<std::optional<std::size_t>> next();

  /// Throws what the body threw.
  void check_body();

 protected:
  completion_queue(asio::any_io_executor executor, std::size_t size, concurrency_limit limit, spawn_site site)
      : all_settle(std::move(executor), size, limit, site) {}
  ~completion_queue() = default;

  child& body() noexcept { return body_; }
  void on_end(child& ended, const std::exception_ptr& failed) override;
  void settle(std::size_t index, const std::exception_ptr& failed) override;
  void on_abandoned(child*) noexcept override { consumer_.drop(); }

 private:
  child body_;
  std::exception_ptr body_failed_;
  std::deque<std::size_t> ended_;
  std::size_t taken_ = 0;
  single_waiter consumer_;
};

template <class T, class Result>
class consumed_children;

}  // namespace detail

/// The children of one `as_completed`, for its body. Valid as long as the body runs; to be used by it alone.
template <class T>
class completions {
 public:
  completions(const completions&) = delete;
  completions& operator=(const completions&) = delete;

  /// The next child that has ended, or waits for one; empty when all of them have been consumed. Its `value()` throws
  /// what the child threw. When cancelled, throws and consumes none.
  task<std::optional<completed<T>>> next() {
    auto pending = queue_.next();
    const std::optional<std::size_t> index = co_await std::move(pending);
    if (!index) co_return std::nullopt;
    std::exception_ptr failed = values_[*index] ? nullptr : queue_.failure(*index);
    co_return completed<T>(*index, settled<T>(std::move(values_[*index]), std::move(failed)));
  }

 private:
  template <class, class>
  friend class detail::consumed_children;
  completions(detail::completion_queue& queue, std::vector<std::optional<detail::gathered_t<T>>>& values)
      : queue_(queue), values_(values) {}

  detail::completion_queue& queue_;
  std::vector<std::optional<detail::gathered_t<T>>>& values_;
};

namespace detail {

template <class T, class Result>
class consumed_children final : public completion_queue {
 public:
  template <class Body>
  consumed_children(asio::any_io_executor executor, std::vector<task<T>> work, Body& body, concurrency_limit limit,
                    spawn_site site)
      : completion_queue(std::move(executor), work.size(), limit, site),
        work_(std::move(work)),
        values_(work_.size()),
        body_work_(body(completions_)) {}

  std::optional<gathered_t<Result>>& result() noexcept { return result_; }

 private:
  void start() override {
    completion_queue::start();
    spawn_body<Result>(body(), std::move(body_work_), result_, {.name = "body of as_completed"});
  }
  void start_child(std::size_t index) override {
    spawn<T>(at(index), std::move(work_[index]), values_[index], site(index));
  }

  std::vector<task<T>> work_;
  std::vector<std::optional<gathered_t<T>>> values_;
  completions<T> completions_{*this, values_};
  task<Result> body_work_;
  std::optional<gathered_t<Result>> result_;
};

}  // namespace detail

/// Runs all `children`, and `body(completions<T>&)` beside them, which consumes them as they end. Returns what the body
/// returns, or throws what it throws, after it has ended and the children it left behind were cancelled and awaited.
/// `body` is kept until then, so a lambda with captures may be a coroutine here.
template <class T, class Body, class Result = std::invoke_result_t<Body&, completions<T>&>::value_type>
task<Result> as_completed(std::vector<task<T>> children, Body body, concurrency_limit limit = {},
                          std::source_location where = std::source_location::current()) {
  const auto executor = co_await asio::this_coro::executor;
  detail::consumed_children<T, Result> running(executor, std::move(children), body, limit,
                                               {.name = "as_completed", .where = where});
  task<void> all = running.run();
  co_await std::move(all);
  running.check_body();
  if constexpr (!std::is_void_v<Result>) co_return std::move(*running.result());
}

}  // namespace fanout
