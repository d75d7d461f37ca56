#pragma once

#include <fanout/base/saturated_time.hpp>
#include <fanout/core/in_order.hpp>
#include <fanout/core/map.hpp>
#include <fanout/core/report.hpp>
#include <fanout/process/process_future.hpp>
#include <fanout/process/remote.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

/// \file
/// Worker processes that outlive a run: `multiprocessing.Pool`, `ProcessPoolExecutor`.
///
///     fanout::process_pool pool({.processes = 4});
///     std::vector<int> sizes = pool.map(fanout::remote<measure>, texts);        // from any thread
///     fanout::process_future<int> one = pool.submit(fanout::remote<measure>, text);
///     int size = one.get();                                                     // blocks
///     size = co_await one.async_get();                                          // in a coroutine, on any loop
///     pool.close();                                                             // what was submitted ends first
///
/// A worker is started when there is a task for it, and kept. A pool and a run of shape `processes:N` share one engine,
/// so what is said there of workers that die or hang holds here, too.
namespace fanout {

/// How a pool is made.
struct process_pool_options {
  std::uint32_t processes = 0;  ///< workers at most; 0 for one a core
  std::uint32_t threads = 1;    ///< lanes in each
  /// Coroutines in flight on each lane. With 1 a pool takes blocking functions and coroutines, each with its lane to
  /// itself; with more, coroutines alone.
  std::uint32_t in_flight = 1;
  /// For each task without a limit of its own; zero or less for none. The worker of a task over its limit is killed.
  any_duration<std::chrono::nanoseconds> task_timeout{0};
  worker_options workers = {};
};

/// Options of one call of `process_pool::submit`.
struct submit_options {
  any_duration<std::chrono::nanoseconds> timeout{0};  ///< instead of the pool's; zero or less for the pool's
};

namespace detail {
class pool_engine;
struct pool_calls;
}  // namespace detail

/// Worker processes that several callers share.
///
/// Thread safety: all members may be called from any thread, by many at once, but not the destructor while another is.
/// A task in a worker may have a pool of its own.
///
/// Destroying it is `kill`: workers are killed and reaped, and whoever waits is told `cancelled`. To have everything
/// finished, `close` it first. Workers also die with this process, however that ends.
class process_pool {
 public:
  /// Starts one thread, which sees to the workers, and no worker yet. Throws `std::invalid_argument` for absurd counts,
  /// `std::logic_error` without `fanout::init`, and `std::system_error` when the system refuses.
  explicit process_pool(const process_pool_options& how = {});
  process_pool(const process_pool&) = delete;
  process_pool& operator=(const process_pool&) = delete;
  ~process_pool();

  /// `how` for a run on this pool, which must outlive it: `fanout::run(pool.with(how), source, remote<f>, sink)`. The
  /// shape is the pool's; all other options hold. A run that is aborted kills the workers that are at its tasks, unless
  /// they are at others' as well; these it awaits.
  options with(options how = {});

  /// As `fanout::map`, on the workers of this pool.
  template <any_source Source, class Task>
    requires remote_task_for<std::remove_reference_t<Task>, source_item_t<Source>>
  auto map(Task&& function, Source&& inputs, options how = {}) {
    return fanout::map(with(std::move(how)), std::forward<Task>(function), std::forward<Source>(inputs));
  }

  /// As `fanout::for_each_completed`, on the workers of this pool. The sink runs on the calling thread.
  template <any_source Source, class Task, class Sink>
    requires remote_task_for<std::remove_reference_t<Task>, source_item_t<Source>>
  fanout::report for_each_completed(Task&& function, Source&& inputs, Sink&& sink, options how = {}) {
    return run(with(std::move(how)), std::forward<Source>(inputs), std::forward<Task>(function),
               std::forward<Sink>(sink));
  }

  /// As `fanout::for_each_in_order`, on the workers of this pool. The sink runs on the calling thread.
  template <any_source Source, class Task, class Sink>
    requires remote_task_for<std::remove_reference_t<Task>, source_item_t<Source>>
  fanout::report for_each_in_order(Task&& function, Source&& inputs, Sink&& sink, options how = {},
                                   const order_options& order = {}) {
    return fanout::for_each_in_order(with(std::move(how)), std::forward<Task>(function), std::forward<Source>(inputs),
                                     std::forward<Sink>(sink), order);
  }

  /// One call. The input is encoded before this returns. Throws `std::invalid_argument` for a blocking function where
  /// lanes have several coroutines in flight, and `fanout::error`: `too_large`, or `refused_by_policy` when the pool
  /// was closed.
  template <auto F>
    requires(!detail::remote_traits<F>::has_context)
  auto submit(remote_function<F> function, const typename detail::remote_traits<F>::input& input,
              submit_options how = {}) {
    return submit_to<F>(function, input, how);
  }
  /// The same for a function with its context.
  template <auto F>
  auto submit(const bound_remote_function<F>& function, const typename detail::remote_traits<F>::input& input,
              submit_options how = {}) {
    return submit_to<F>(function, input, how);
  }

  /// One call there and back, as `submit(function, input, how).get()`, and throws as those do; Python's `apply`. A
  /// short call to a worker that is idle is made on the calling thread alone, which takes a tenth of the time.
  template <auto F>
    requires(!detail::remote_traits<F>::has_context)
  auto call(remote_function<F> function, const typename detail::remote_traits<F>::input& input,
            submit_options how = {}) {
    return call_of<F>(function, input, how);
  }
  /// The same for a function with its context.
  template <auto F>
  auto call(const bound_remote_function<F>& function, const typename detail::remote_traits<F>::input& input,
            submit_options how = {}) {
    return call_of<F>(function, input, how);
  }

  /// \name Closing
  /// Each refuses new work, and returns when all workers have ended and been reaped. May be called more than once, and
  /// the stronger ones while another is under way.
  /// @{
  void close();  ///< drains: what was submitted is finished
  void stop();   ///< tasks that no worker has are `cancelled`; the others are finished
  void kill();   ///< workers are killed; what is not finished is `cancelled`
  /// @}

  /// What the pool cost so far: workers that have ended in full, those that run as far as can be seen from here.
  fanout::report report() const;

 private:
  friend struct detail::pool_calls;  // for to_process
  struct callee {
    std::string_view name;
    std::string_view context;
    bool coroutine = false;
  };
  template <auto F, class Function>
  auto submit_to(const Function& function, const typename detail::remote_traits<F>::input& input, submit_options how) {
    std::string argument;
    function.encode(input, argument);
    const std::string context = function.context();
    return process_future<std::remove_cvref_t<typename detail::remote_traits<F>::result>>(
        start({function.name(), context, detail::remote_traits<F>::coroutine}, std::move(argument), how),
        [](std::string_view encoded) { return remote<F>.decode_result(encoded); });
  }
  template <auto F, class Function>
  auto call_of(const Function& function, const typename detail::remote_traits<F>::input& input, submit_options how) {
    std::string argument;
    function.encode(input, argument);
    const std::string context = function.context();
    return remote<F>.decode_result(
        call_and_wait({function.name(), context, detail::remote_traits<F>::coroutine}, std::move(argument), how));
  }
  std::shared_ptr<detail::pool_call> start(const callee& function, std::string argument, submit_options how);
  std::string call_and_wait(const callee& function, std::string argument, submit_options how);

  std::shared_ptr<detail::pool_engine> engine_;  ///< kept, but closed, by futures in use
};

}  // namespace fanout
