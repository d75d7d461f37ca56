#pragma once

#include <fanout/async/detail/child_scope.hpp>
#include <fanout/async/detail/single_waiter.hpp>
#include <fanout/async/exception_group.hpp>
#include <fanout/base/task.hpp>

#include <boost/asio/this_coro.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// \file
/// A scope that coroutines are spawned into, and that ends after all of them have.
///
///     fanout::task<page> crawl(fanout::task_group& group) {
///       fanout::task_handle<page> front = group.spawn(fetch("/"));
///       group.spawn(keep_warm());
///       page got = co_await front.result();
///       group.cancel();                                   // keep_warm() would not end by itself
///       co_return got;
///     }
///     page front = co_await fanout::with_task_group(crawl);
///
/// A coroutine cannot await anything in a destructor, so the scope is a body, given as a callable that returns a task.
/// Structured: `with_task_group` returns after the body and every child have ended, also when the body throws. The
/// first failure cancels the body and all children. One failure is thrown as it is, several as an `exception_group`.
/// Cancelling the awaiting coroutine cancels the body and all children.
///
/// Works on any executor; body and children run on the awaiting coroutine's, which must not run two handlers at the
/// same time: an `io_context` with one thread, or a strand.
namespace fanout {

namespace detail {

/// What a group and the handles to a child share.
class spawned_child : public child {
 public:
  bool ended() const noexcept { return ended_; }
  void end(const std::exception_ptr& failed);
  /// Waits for the end; throws what the child threw.
  task<void> join();

 private:
  friend class group_scope;

  bool ended_ = false;
  std::exception_ptr failed_;
  single_waiter joining_;
  std::shared_ptr<spawned_child> self_;  ///< while it runs
};

template <class T>
class spawned : public spawned_child {
 public:
  std::optional<gathered_t<T>> value;
};

/// The untyped half of a group.
class group_scope : public child_scope {
 public:
  /// Throws what the children and the body threw.
  void check();

  /// Spawns a child, or ends it at once in a group that is cancelled.
  template <class T>
  void enlist(const std::shared_ptr<spawned<T>>& fresh, task<T> work, const spawn_site& site) {
    if (cancelled()) return fresh->end(cancellation());
    fresh->self_ = fresh;
    spawn<T>(*fresh, std::move(work), fresh->value, site);
  }

 protected:
  explicit group_scope(asio::any_io_executor executor) : child_scope(std::move(executor)) {}
  ~group_scope();

  child& body() noexcept { return body_; }
  void on_end(child& ended, const std::exception_ptr& failed) override;
  void on_abandoned(child* holder) noexcept override;

 private:
  struct kept_failure {
    std::shared_ptr<spawned_child> of;  ///< null: the body's
    std::exception_ptr what;
  };

  child body_;
  std::exception_ptr body_cancelled_;
  std::vector<kept_failure> failures_;  ///< until they are thrown
};

template <class T>
task<T> result_of(std::shared_ptr<spawned<T>> of) {
  task<void> end = of->join();
  co_await std::move(end);
  if (!of->value) throw std::logic_error("the result of this task was taken before");
  if constexpr (!std::is_void_v<T>) {
    T value = std::move(*of->value);
    of->value.reset();
    co_return value;
  }
}

template <class Result>
class group_with_body;

}  // namespace detail

/// A child of a `task_group`. Copies refer to the same child; it may outlive the group. Thread safety: the group's
/// executor only.
template <class T>
class task_handle {
 public:
  bool done() const noexcept { return child_->ended(); }

  /// Awaits the child and returns its value, or throws what it threw; `operation_aborted` if it was cancelled or never
  /// began. The value is moved out: a second time throws `std::logic_error`, and so does a second coroutine that waits
  /// at the same time. Cancelling the one that waits leaves the child alone.
  task<T> result() const { return detail::result_of<T>(child_); }

 private:
  friend class task_group;
  explicit task_handle(std::shared_ptr<detail::spawned<T>> child) : child_(std::move(child)) {}

  std::shared_ptr<detail::spawned<T>> child_;
};

/// The group of one `with_task_group`, for its body and its children: valid until it returns. Thread safety: none; use
/// it from the body and the children only.
class task_group {
 public:
  task_group(const task_group&) = delete;
  task_group& operator=(const task_group&) = delete;

  /// Starts a child beside those that run. In a group that is cancelled it never begins, and its handle says so. `name`
  /// is for debugging.
  template <class T>
  task_handle<T> spawn(task<T> work, std::string_view name = "task_group",
                       std::source_location where = std::source_location::current()) {
    auto fresh = std::make_shared<detail::spawned<T>>();
    scope_.enlist<T>(fresh, std::move(work), {.name = name, .where = where});
    return task_handle<T>(std::move(fresh));
  }

  /// Cancels the children, now and those yet to be spawned. The body goes on.
  void cancel() { scope_.cancel(); }
  /// Whether `cancel` was called, a child failed, or the awaiting coroutine was cancelled.
  bool cancelled() const noexcept { return scope_.cancelled(); }

 private:
  template <class>
  friend class detail::group_with_body;
  explicit task_group(detail::group_scope& scope) : scope_(scope) {}

  detail::group_scope& scope_;
};

namespace detail {

template <class Result>
class group_with_body final : public group_scope {
 public:
  template <class Body>
  group_with_body(asio::any_io_executor executor, Body& body) : group_scope(std::move(executor)), work_(body(group_)) {}

  Result result() {
    check();
    if constexpr (!std::is_void_v<Result>) return std::move(*result_);
  }

 private:
  void start() override { spawn_body<Result>(body(), std::move(work_), result_, {.name = "body of task_group"}); }

  task_group group_{*this};
  task<Result> work_;
  std::optional<gathered_t<Result>> result_;
};

}  // namespace detail

/// Runs `body(task_group&)` and what it spawns, awaits all of it, and returns what the body returns. `body` is kept
/// until then, so a lambda with captures may be a coroutine here.
template <class Body, class Result = std::invoke_result_t<Body&, task_group&>::value_type>
task<Result> with_task_group(Body body) {
  const auto executor = co_await asio::this_coro::executor;
  detail::group_with_body<Result> group(executor, body);
  task<void> all = group.run();
  co_await std::move(all);
  co_return group.result();
}

}  // namespace fanout
