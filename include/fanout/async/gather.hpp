#pragma once

#include <fanout/base/task.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

/// \file
/// Several coroutines at once, awaited together.
///
///     auto [a, b] = co_await fanout::gather(fetch(first), count(second));
///     std::vector<page> pages = co_await fanout::gather(std::move(fetches));
///
/// Structured: `gather` returns only after every child has ended. The first failure cancels the siblings, awaits them,
/// and is then thrown; cancelling the awaiting coroutine cancels all children. (`asyncio.gather` leaves the siblings
/// running.) Works on any executor; the children run on the awaiting coroutine's, which must not run two handlers at
/// the same time: an `io_context` with one thread, or a strand.
namespace fanout {

namespace detail {

/// What the children of one gather share. It lives in the frame of the coroutine that awaits them.
class gathering {
 public:
  explicit gathering(std::size_t children) : signals_(children), running_(children) {}
  gathering(const gathering&) = delete;
  gathering& operator=(const gathering&) = delete;

  asio::cancellation_slot slot(std::size_t child) { return signals_[child].slot(); }

  /// Books the end of a child; resumes the awaiting coroutine after the last one.
  void ended(std::exception_ptr failed) {
    if (failed && !first_failure_) {
      first_failure_ = failed;
      cancel();
    }
    if (--running_ == 0 && resume_) std::exchange(resume_, nullptr)();
  }

  void cancel() {
    for (asio::cancellation_signal& signal : signals_) signal.emit(asio::cancellation_type::terminal);
  }

  /// Waits for the last child. Not cancellable itself: a cancellation is passed on to the children.
  task<void> wait() {
    auto operation = asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
        [this](auto handler) {
          auto slot = asio::get_associated_cancellation_slot(handler);
          if (slot.is_connected()) slot.assign([this](asio::cancellation_type) { cancel(); });
          if (first_failure_) cancel();  // again, for children that had not started when it happened
          if (running_ == 0) return asio::post(std::move(handler));
          auto shared = std::make_shared<decltype(handler)>(std::move(handler));
          resume_ = [shared] {
            asio::get_associated_cancellation_slot(*shared).clear();
            asio::post(std::move(*shared));
          };
        },
        asio::use_awaitable);
    co_await std::move(operation);
  }

  void rethrow_failure() const {
    if (first_failure_) std::rethrow_exception(first_failure_);
  }

 private:
  std::deque<asio::cancellation_signal> signals_;  ///< neither copyable nor movable, hence no vector
  std::size_t running_;
  std::exception_ptr first_failure_;
  std::function<void()> resume_;
};

template <class T>
using gathered_t = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// Starts one child, whose value goes to `place`.
template <class T, class Executor>
void start_child(const Executor& executor, gathering& all, std::size_t child, task<T> work,
                 std::optional<gathered_t<T>>& place) {
  if constexpr (std::is_void_v<T>) {
    asio::co_spawn(executor, std::move(work),
                   asio::bind_cancellation_slot(all.slot(child), [&all, &place](std::exception_ptr failed) {
                     if (!failed) place.emplace();
                     all.ended(failed);
                   }));
  } else {
    asio::co_spawn(executor, std::move(work),
                   asio::bind_cancellation_slot(all.slot(child), [&all, &place](std::exception_ptr failed, T value) {
                     if (!failed) place.emplace(std::move(value));
                     all.ended(failed);
                   }));
  }
}

template <std::size_t... I, class... T>
task<std::tuple<gathered_t<T>...>> gather_tuple(std::index_sequence<I...>, task<T>... children) {
  const auto executor = co_await asio::this_coro::executor;
  gathering all(sizeof...(T));
  std::tuple<std::optional<gathered_t<T>>...> values;
  (start_child<T>(executor, all, I, std::move(children), std::get<I>(values)), ...);
  task<void> wait = all.wait();
  co_await std::move(wait);
  all.rethrow_failure();
  co_return std::tuple<gathered_t<T>...>(std::move(*std::get<I>(values))...);
}

}  // namespace detail

/// Runs all `children` and returns their values as a tuple, `std::monostate` for one without a value.
template <class... T>
task<std::tuple<detail::gathered_t<T>...>> gather(task<T>... children) {
  return detail::gather_tuple(std::index_sequence_for<T...>(), std::move(children)...);
}

/// Runs all `children` and returns their values in order; for `task<void>`, a vector of `std::monostate`.
template <class T>
task<std::vector<detail::gathered_t<T>>> gather(std::vector<task<T>> children) {
  const auto executor = co_await asio::this_coro::executor;
  detail::gathering all(children.size());
  std::vector<std::optional<detail::gathered_t<T>>> values(children.size());
  for (std::size_t i = 0; i < children.size(); ++i)
    detail::start_child<T>(executor, all, i, std::move(children[i]), values[i]);
  task<void> wait = all.wait();
  co_await std::move(wait);
  all.rethrow_failure();
  std::vector<detail::gathered_t<T>> results;
  results.reserve(values.size());
  for (auto& value : values) results.push_back(std::move(*value));
  co_return results;
}

}  // namespace fanout
