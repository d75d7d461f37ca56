#pragma once

#include <fanout/base/saturated_time.hpp>
#include <fanout/core/in_order.hpp>
#include <fanout/core/map.hpp>
#include <fanout/core/report.hpp>
#include <fanout/process/process_future.hpp>
#include <fanout/process/process_pool_options.hpp>
#include <fanout/process/remote.hpp>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
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

/// Options of one call of `process_pool::submit`.
struct submit_options {
  any_duration<std::chrono::nanoseconds> timeout{0};  ///< instead of the pool's; zero or less for the pool's
};

namespace detail {
class pool_engine;
class worker_backend;
struct pool_calls;

/// A call of a pool that was made on the calling thread, if a worker was idle and the call short. Either it has ended,
/// or the pool goes on with it.
struct begun_call {
  std::string result;  ///< encoded, where neither of the others is set
  std::optional<failure> failed;
  std::shared_ptr<pool_call> under_way;
};
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

  /// `how` for a run on this pool, which must outlive it: `fanout::run(pool.with(how), remote<f>, source, sink)`. The
  /// shape is the pool's; all other options hold. A run that is aborted kills the workers that are at its tasks, unless
  /// they are at others' as well; these it awaits.
  options with(options how = {});

  /// As `fanout::map`, on the workers of this pool.
  template <any_source Source, class Task>
  auto map(Task&& function, Source&& inputs, options how = {}) {
    if constexpr (detail::check_remote_task<std::remove_reference_t<Task>, source_item_t<Source>>())
      return fanout::map(with(std::move(how)), std::forward<Task>(function), std::forward<Source>(inputs));
  }
  template <class Task, class Item>
  auto map(Task&& function, std::initializer_list<Item> inputs, options how = {}) {
    return map(std::forward<Task>(function), detail::listed<Task>(inputs), std::move(how));
  }

  /// As `fanout::for_each_completed`, on the workers of this pool. The sink runs on the calling thread.
  template <any_source Source, class Task, class Sink>
  fanout::report for_each_completed(Task&& function, Source&& inputs, Sink&& sink, options how = {}) {
    if constexpr (detail::check_remote_task<std::remove_reference_t<Task>, source_item_t<Source>>())
      return run(with(std::move(how)), std::forward<Task>(function), std::forward<Source>(inputs),
                 std::forward<Sink>(sink));
    else
      return {};
  }
  template <class Task, class Item, class Sink>
  fanout::report for_each_completed(Task&& function, std::initializer_list<Item> inputs, Sink&& sink,
                                    options how = {}) {
    return for_each_completed(std::forward<Task>(function), detail::listed<Task>(inputs), std::forward<Sink>(sink),
                              std::move(how));
  }

  /// As `fanout::for_each_in_order`, on the workers of this pool. The sink runs on the calling thread.
  template <any_source Source, class Task, class Sink>
  fanout::report for_each_in_order(Task&& function, Source&& inputs, Sink&& sink, options how = {},
                                   const order_options& order = {}) {
    if constexpr (detail::check_remote_task<std::remove_reference_t<Task>, source_item_t<Source>>())
      return fanout::for_each_in_order(with(std::move(how)), std::forward<Task>(function), std::forward<Source>(inputs),
                                       std::forward<Sink>(sink), order);
    else
      return {};
  }
  template <class Task, class Item, class Sink>
  fanout::report for_each_in_order(Task&& function, std::initializer_list<Item> inputs, Sink&& sink, options how = {},
                                   const order_options& order = {}) {
    return for_each_in_order(std::forward<Task>(function), detail::listed<Task>(inputs), std::forward<Sink>(sink),
                             std::move(how), order);
  }

  /// One call, with a value for each parameter of the function that is not bound. They are encoded before this returns;
  /// what cannot be encoded, or is too large to travel, is the failure of this call. Throws `std::invalid_argument` for
  /// a blocking function where lanes have several coroutines in flight, and `fanout::error` of kind `refused_by_policy`
  /// when the pool was closed.
  template <auto F, bool Bound, class Type, class... Values>
  auto submit(const detail::remote_base<F, Bound, Type, Values...>& function,
              const std::type_identity_t<Values>&... values) {
    return submit_encoded(function, [&] { return detail::encode_call<submit_options>(function, values...); });
  }
  /// The same, with its options after the values: `pool.submit(fanout::remote<f>, x, y, {.timeout = 2s})`.
  template <class Function, class... Given>
  auto submit(const detail::call_with_options<Function, Given...>& call,
              const detail::given_t<Given, submit_options>&... given) {
    const Function& function = static_cast<const Function&>(call);
    return submit_encoded(function,
                          [&] { return detail::encode_call_with_options<submit_options>(function, given...); });
  }

  /// One call there and back, as `submit(function, values..., how).get()`, and throws as those do; Python's `apply`. A
  /// short call to a worker that is idle is made on the calling thread alone, which takes a tenth of the time.
  template <auto F, bool Bound, class Type, class... Values>
  auto call(const detail::remote_base<F, Bound, Type, Values...>& function,
            const std::type_identity_t<Values>&... values) {
    return call_encoded(function, [&] { return detail::encode_call<submit_options>(function, values...); });
  }
  template <class Function, class... Given>
  auto call(const detail::call_with_options<Function, Given...>& call,
            const detail::given_t<Given, submit_options>&... given) {
    const Function& function = static_cast<const Function&>(call);
    return call_encoded(function, [&] { return detail::encode_call_with_options<submit_options>(function, given...); });
  }

  /// \name What cannot be called
  /// They do not compile, and say why.
  /// @{
  template <class Function, class... Values>
    requires(!detail::remote_takes<Function, Values...>)
  void submit(const Function&, const Values&...) {
    detail::refuse_call<Function, Values...>();
  }
  template <class Function, class... Values>
    requires(!detail::remote_takes<Function, Values...>)
  void call(const Function&, const Values&...) {
    detail::refuse_call<Function, Values...>();
  }
  /// @}

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
  using encoded_call = detail::encoded_call<submit_options>;
  template <class Function, class Encode>
  auto submit_encoded(const Function&, [[maybe_unused]] Encode&& encode) {
    using result = typename Function::result_type;
    if constexpr (Function::usable)
      return process_future<result>(start(encode()), &Function::decode_result);
    else
      return process_future<result>(nullptr, nullptr);  // it was said why
  }
  template <class Function, class Encode>
  auto call_encoded(const Function&, [[maybe_unused]] Encode&& encode) {
    if constexpr (Function::usable) return Function::decode_result(call_and_wait(encode()));
  }
  std::shared_ptr<detail::pool_call> start(encoded_call call);
  detail::begun_call begin_call(encoded_call call);
  std::string call_and_wait(encoded_call call);

  std::shared_ptr<detail::pool_engine> engine_;      ///< kept, but closed, by futures in use
  std::shared_ptr<detail::worker_backend> backend_;  ///< of the runs it carries
};

}  // namespace fanout
