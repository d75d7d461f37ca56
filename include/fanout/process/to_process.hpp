#pragma once

#include <fanout/base/saturated_time.hpp>
#include <fanout/base/task.hpp>
#include <fanout/process/codec.hpp>
#include <fanout/process/process_pool.hpp>
#include <fanout/process/remote.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

/// \file
/// One call in a worker process, from a coroutine.
///
///     const document got = co_await fanout::to_process(fanout::remote<parse>, text, {.timeout = 2s});
///
/// What a thread cannot do: a call that crashes takes nobody with it, and one that does not end is ended. `map` and
/// `run` keep their workers for many calls; here each call has one of its own, started for it, which takes some
/// milliseconds. With a pool it is a call of that pool, to a worker that may be there already:
///
///     const document got = co_await fanout::to_process(pool, fanout::remote<parse>, text);
///
/// Structured: the await ends when the worker has. Cancelling whoever awaits kills the worker, and throws
/// `operation_aborted` when it is gone; the destruction of the loop does the same. Works on any executor, and starts no
/// thread. A worker also dies with the thread that started it (prctl(2), PR_SET_PDEATHSIG), so the threads of the
/// executor must stay as long as its calls.
namespace fanout {

/// Options of one call.
struct process_call_options {
  /// From the start of the worker, which is then killed; zero or less for none. On a pool: of the task, and zero or
  /// less for the pool's.
  any_duration<std::chrono::nanoseconds> timeout{0};
};

namespace detail {

/// A call with everything encoded.
struct process_call {
  std::string function;
  std::string context;
  std::string argument;
  process_call_options how;
};

/// Returns the encoded result.
task<std::string> call_in_worker(process_call call);

template <auto F>
task<std::remove_cvref_t<typename remote_traits<F>::result>> finish_process_call(process_call call) {
  task<std::string> made = call_in_worker(std::move(call));
  const std::string encoded = co_await std::move(made);
  co_return remote<F>.decode_result(encoded);
}

/// Starts a call of a pool whose input is encoded already.
struct pool_calls {
  static std::shared_ptr<pool_call> start(process_pool& pool, process_call call, bool coroutine) {
    return pool.start({call.function, call.context, coroutine}, std::move(call.argument),
                      {.timeout = call.how.timeout});
  }
};

template <auto F>
task<std::remove_cvref_t<typename remote_traits<F>::result>> finish_process_call(process_pool& pool,
                                                                                 process_call call) {
  const std::shared_ptr<pool_call> started = pool_calls::start(pool, std::move(call), remote_traits<F>::coroutine);
  task<void> end = pool_call::async_wait(started);
  co_await std::move(end);
  co_return remote<F>.decode_result(started->result());
}

}  // namespace detail

/// Calls the remote function with `input` in a worker process. Nothing happens before it is awaited, but for the
/// encoding of the input.
///
/// Throws `fanout::error`: of the kind the function threw, or `task_failed` for any other exception of it; `timeout` at
/// the time limit; `worker_died`, with the signal, when the worker ends before it has answered; `too_large` for a value
/// beyond 1 GiB. Throws `std::logic_error` without `fanout::init`, and `std::system_error` when no process can be
/// started.
template <auto F>
  requires(!detail::remote_traits<F>::has_context)
task<std::remove_cvref_t<typename detail::remote_traits<F>::result>> to_process(
    remote_function<F> function, const typename detail::remote_traits<F>::input& input, process_call_options how = {}) {
  detail::process_call call{std::string(function.name()), {}, {}, how};
  function.encode(input, call.argument);
  return detail::finish_process_call<F>(std::move(call));
}

/// The same for a function with its context.
template <auto F>
task<std::remove_cvref_t<typename detail::remote_traits<F>::result>> to_process(
    const bound_remote_function<F>& function, const typename detail::remote_traits<F>::input& input,
    process_call_options how = {}) {
  detail::process_call call{std::string(function.name()), function.context(), {}, how};
  function.encode(input, call.argument);
  return detail::finish_process_call<F>(std::move(call));
}

/// \name On a pool
/// The same on the workers of `pool`, which must stay until it has begun: as `pool.submit(…)` and `async_get()`, but
/// that nothing happens before it is awaited. Cancelling whoever awaits cancels the call. Throws as those do.
/// @{
template <auto F>
  requires(!detail::remote_traits<F>::has_context)
task<std::remove_cvref_t<typename detail::remote_traits<F>::result>> to_process(
    process_pool& pool, remote_function<F> function, const typename detail::remote_traits<F>::input& input,
    process_call_options how = {}) {
  detail::process_call call{std::string(function.name()), {}, {}, how};
  function.encode(input, call.argument);
  return detail::finish_process_call<F>(pool, std::move(call));
}

template <auto F>
task<std::remove_cvref_t<typename detail::remote_traits<F>::result>> to_process(
    process_pool& pool, const bound_remote_function<F>& function, const typename detail::remote_traits<F>::input& input,
    process_call_options how = {}) {
  detail::process_call call{std::string(function.name()), function.context(), {}, how};
  function.encode(input, call.argument);
  return detail::finish_process_call<F>(pool, std::move(call));
}
/// @}

}  // namespace fanout
