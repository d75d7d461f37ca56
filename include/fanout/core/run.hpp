#pragma once

#include <fanout/core/detail/pipeline.hpp>
#include <fanout/core/options.hpp>
#include <fanout/core/outcome.hpp>
#include <fanout/core/per_lane.hpp>
#include <fanout/core/report.hpp>
#include <fanout/core/source.hpp>
#include <fanout/core/traits.hpp>

#include <initializer_list>
#include <type_traits>
#include <utility>

/// \file
/// The one primitive: inputs from a source, a task on each, outcomes to a sink, under any shape.
namespace fanout {

/// Runs `function` on every input of `source` under `how.shape` and hands each outcome to `sink` as it completes.
///
///     auto cost = fanout::run(fanout::async(64), fetch, urls,
///                             [](fanout::outcome<page> got) { ... });
///
/// - `function`: blocking (`R f(Input)`) or a coroutine (`task<R> f(Input)`); either may take a `std::stop_token` after
///   its input. A function that cannot take the input as it is, a pair, tuple or array, takes its elements:
///   `R f(First, Second)`. Called from all lanes at once; `per_lane(f)` is copied for each. A task that leaves its
///   process must be a `remote<f>`.
/// - `source`: see source.hpp. Pulled lazily, one input for each free place, so that nothing waits in a queue inside.
/// - `sink`: called with `outcome<R>`, or with `outcome<R>` and `const Input&`; by one thread at a time, on whichever
///   lane completed the task. While it runs no other outcome is handed over, so a slow sink slows the source.
///
/// Returns when every task that was started has ended and its outcome was handed over; no thread, process or
/// coroutine outlives the call. Failures of tasks reach the sink and are counted in the report; they do not throw.
///
/// Throws `std::invalid_argument` at once for a shape that cannot run this task (a blocking task with more than one
/// task in flight on a lane; worker processes without a remote task) and `std::logic_error` for worker processes
/// without `fanout::init`. An exception of `source` or `sink` stops the run, and is rethrown after the tasks under way
/// were cancelled and awaited.
///
/// Thread safety: any number of runs may be under way at once, on different threads or one inside another.
template <any_source Source, class Task, class Sink>
report run(const options& how, Task&& function, Source&& source, Sink&& sink) {
  if constexpr (detail::check_task<std::remove_reference_t<Task>, source_item_t<Source>>()) {
    detail::pipeline<Source, std::remove_reference_t<Task>, std::remove_reference_t<Sink>> work(
        how, function, std::forward<Source>(source), sink);
    return work.run();
  } else {
    return {};
  }
}
/// Of inputs written where they are used: `{1, 2, 3}`.
template <class Task, class Item, class Sink>
report run(const options& how, Task&& function, std::initializer_list<Item> inputs, Sink&& sink) {
  return run(how, std::forward<Task>(function), detail::listed<Task>(inputs), std::forward<Sink>(sink));
}

}  // namespace fanout
