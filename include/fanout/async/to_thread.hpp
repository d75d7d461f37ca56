#pragma once

#include <fanout/async/thread_executor.hpp>
#include <fanout/base/task.hpp>

#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

/// \file
/// Calls that block, from coroutines that must not.
///
///     std::string text = co_await fanout::to_thread(read_file, path);
///
///     fanout::thread_executor disk({.threads = 2, .queue = 1'000});
///     std::string more = co_await fanout::to_thread(disk, read_file, path);
///
/// Nothing happens before it is awaited. The callable and its arguments are copied, or moved, into the call, as
/// `std::thread` does; `std::ref` hands over a reference. A callable that takes a `std::stop_token` first gets one.
///
/// Structured: the await ends when the call does. Cancelling whoever awaits requests the call to stop, or drops it
/// where no thread has begun it, which is thrown as `operation_aborted`. A call that was begun is waited for, and what
/// it returns or throws is what the await gives: it is not lost. (`asyncio.to_thread` leaves the call running.)
/// Destroying the loop does the same: it waits for a call that was begun. Works on any executor.
namespace fanout {

namespace detail {

template <class F, class... Args>
inline constexpr bool takes_stop_token_first = std::is_invocable_v<F, std::stop_token, Args...>;

template <class F, class... Args>
decltype(auto) invoke_with_stop(std::stop_token stop, F&& function, Args&&... arguments) {
  if constexpr (takes_stop_token_first<F, Args...>)
    return std::invoke(std::forward<F>(function), std::move(stop), std::forward<Args>(arguments)...);
  else
    return std::invoke(std::forward<F>(function), std::forward<Args>(arguments)...);
}

template <class F, class... Args>
using invoked_on_thread =
    std::conditional_t<takes_stop_token_first<F, Args...>, std::invoke_result<F, std::stop_token, Args...>,
                       std::invoke_result<F, Args...>>;

template <class F, class... Args>
using thread_result_t =
    std::remove_cvref_t<typename invoked_on_thread<std::decay_t<F>, std::unwrap_ref_decay_t<Args>...>::type>;

/// A callable with its arguments, and what came of calling it.
template <class R, class F, class... Args>
class bound_thread_call final : public thread_call {
  using value_type = std::conditional_t<std::is_void_v<R>, std::monostate, R>;

 public:
  template <class Function, class... Arguments>
  explicit bound_thread_call(Function&& function, Arguments&&... arguments)
      : parts_(std::in_place, std::forward<Function>(function), std::forward<Arguments>(arguments)...) {}

  void perform() noexcept override {
    try {
      std::apply(
          [&](F& function, Args&... arguments) {
            if constexpr (std::is_void_v<R>)
              invoke_with_stop(stop.get_token(), std::move(function), std::forward<Args>(arguments)...);
            else
              value_.emplace(invoke_with_stop(stop.get_token(), std::move(function), std::forward<Args>(arguments)...));
          },
          *parts_);
    } catch (...) {
      failure_ = std::current_exception();
    }
    parts_.reset();  // on the thread that used them
  }

  R take() {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    if constexpr (!std::is_void_v<R>) return std::move(*value_);
  }

 private:
  std::optional<std::tuple<F, Args...>> parts_;
  std::optional<value_type> value_;
  std::exception_ptr failure_;
};

/// Hands `call` to `threads` and returns once it was made; throws `operation_aborted` if it was dropped.
task<void> await_thread_call(thread_executor& threads, std::shared_ptr<thread_call> call);

template <class R, class Call>
task<R> finish_thread_call(thread_executor& threads, std::shared_ptr<Call> call) {
  task<void> made = await_thread_call(threads, call);
  co_await std::move(made);
  co_return call->take();
}

}  // namespace detail

/// Calls `function` with `arguments` on a thread of `threads`, which must outlive the await. Throws what the function
/// throws, and what `thread_executor::submit` does.
template <class F, class... Args>
task<detail::thread_result_t<F, Args...>> to_thread(thread_executor& threads, F&& function, Args&&... arguments) {
  using result = detail::thread_result_t<F, Args...>;
  using call = detail::bound_thread_call<result, std::decay_t<F>, std::unwrap_ref_decay_t<Args>...>;
  return detail::finish_thread_call<result>(
      threads, std::make_shared<call>(std::forward<F>(function), std::forward<Args>(arguments)...));
}

/// The same, on the shared threads.
template <class F, class... Args>
  requires(!std::same_as<std::remove_cvref_t<F>, thread_executor>)
task<detail::thread_result_t<F, Args...>> to_thread(F&& function, Args&&... arguments) {
  return to_thread(thread_executor::shared(), std::forward<F>(function), std::forward<Args>(arguments)...);
}

}  // namespace fanout
