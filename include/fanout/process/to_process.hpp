#pragma once

#include <fanout/base/saturated_time.hpp>
#include <fanout/base/task.hpp>
#include <fanout/process/codec.hpp>
#include <fanout/process/process_pool.hpp>
#include <fanout/process/remote.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
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

using process_call = encoded_call<process_call_options>;

/// Returns the encoded result.
task<std::string> call_in_worker(process_call call);

template <class Result>
task<Result> finish_process_call(process_call call, Result (*decode)(std::string_view)) {
  task<std::string> made = call_in_worker(std::move(call));
  const std::string encoded = co_await std::move(made);
  co_return decode(encoded);
}

/// Starts a call of a pool whose input is encoded already.
struct pool_calls {
  static std::shared_ptr<pool_call> start(process_pool& pool, process_call call) {
    return pool.start({call.function,
                       std::move(call.context),
                       std::move(call.argument),
                       call.coroutine,
                       {.timeout = call.how.timeout}});
  }
  /// The same on the calling thread, as `process_pool::call`, but that a call which takes long is not waited for.
  static begun_call begin(process_pool& pool, process_call call) {
    return pool.begin_call({call.function,
                            std::move(call.context),
                            std::move(call.argument),
                            call.coroutine,
                            {.timeout = call.how.timeout}});
  }
};

template <class Result>
task<Result> finish_process_call(process_pool& pool, process_call call, Result (*decode)(std::string_view)) {
  const std::shared_ptr<pool_call> started = pool_calls::start(pool, std::move(call));
  task<void> end = pool_call::async_wait(started);
  co_await std::move(end);
  co_return decode(started->result());
}

/// `pool` is given or not.
template <class Function, class Encode, class... Pool>
task<typename Function::result_type> to_process_encoded(const Function&, [[maybe_unused]] Encode&& encode,
                                                        Pool&... pool) {
  if constexpr (Function::usable)
    return finish_process_call<typename Function::result_type>(pool..., encode(), &Function::decode_result);
  else
    return {};  // it was said why
}

}  // namespace detail

/// Calls the remote function in a worker process, with a value for each parameter that is not bound. Nothing happens
/// before it is awaited, but for the encoding of the values.
///
/// Throws, when it is awaited, `fanout::error`: of the kind the function threw, or `task_failed` for any other
/// exception of it or of the encoding; `timeout` at the time limit; `worker_died`, with the signal, when the worker
/// ends before it has answered; `too_large` for a value beyond 1 GiB. Throws `std::logic_error` without `fanout::init`,
/// and `std::system_error` when no process can be started.
template <auto F, bool Bound, class Type, class... Values>
auto to_process(const detail::remote_base<F, Bound, Type, Values...>& function,
                const std::type_identity_t<Values>&... values) {
  return detail::to_process_encoded(function,
                                    [&] { return detail::encode_call<process_call_options>(function, values...); });
}
/// The same, with its options after the values: `to_process(remote<f>, x, y, {.timeout = 2s})`.
template <class Function, class... Given>
auto to_process(const detail::call_with_options<Function, Given...>& call,
                const detail::given_t<Given, process_call_options>&... given) {
  const Function& function = static_cast<const Function&>(call);
  return detail::to_process_encoded(
      function, [&] { return detail::encode_call_with_options<process_call_options>(function, given...); });
}

/// \name On a pool
/// The same on the workers of `pool`, which must stay until it has begun: as `pool.submit(…)` and `async_get()`, but
/// that nothing happens before it is awaited. Cancelling whoever awaits cancels the call. Throws as those do.
/// @{
template <auto F, bool Bound, class Type, class... Values>
auto to_process(process_pool& pool, const detail::remote_base<F, Bound, Type, Values...>& function,
                const std::type_identity_t<Values>&... values) {
  return detail::to_process_encoded(
      function, [&] { return detail::encode_call<process_call_options>(function, values...); }, pool);
}
template <class Function, class... Given>
auto to_process(process_pool& pool, const detail::call_with_options<Function, Given...>& call,
                const detail::given_t<Given, process_call_options>&... given) {
  const Function& function = static_cast<const Function&>(call);
  return detail::to_process_encoded(
      function, [&] { return detail::encode_call_with_options<process_call_options>(function, given...); }, pool);
}
/// @}

/// \name What cannot be called
/// They do not compile, and say why.
/// @{
template <class Function, class... Values>
  requires(!std::is_same_v<Function, process_pool> && !detail::remote_takes<Function, Values...>)
task<void> to_process(const Function&, const Values&...) {
  detail::refuse_call<Function, Values...>();
  return {};
}
template <class Function, class... Values>
  requires(!detail::remote_takes<Function, Values...>)
task<void> to_process(process_pool&, const Function&, const Values&...) {
  detail::refuse_call<Function, Values...>();
  return {};
}
/// @}

}  // namespace fanout
