#include <fanout/core/detail/pipeline.hpp>

#include <fmt/format.h>

namespace fanout::detail {

void check_shape(const fanout::shape& asked, bool coroutine, bool remote) {
  if (asked.uses_workers() && !remote)
    throw std::invalid_argument(
        fmt::format("the shape {} runs tasks in other processes, where a closure or a plain function cannot go: "
                    "name the function with fanout::remote<f>",
                    to_string(asked)));
  if (!coroutine && asked.in_flight > 1)
    throw std::invalid_argument(
        fmt::format("the shape {} has {} tasks in flight on each thread, and a blocking task holds its thread: "
                    "make the task a coroutine (fanout::task<T>), or use threads:{}",
                    to_string(asked), asked.in_flight, asked.tasks));
}

void check_backend(bool remote) {
  if (!remote)
    throw std::invalid_argument(
        "a run on a pool or on nodes has its tasks in other processes, where a closure or a plain function cannot go: "
        "name the function with fanout::remote<f>");
}

failure overran(const run_control& control, std::chrono::nanoseconds took) {
  const auto milliseconds = std::chrono::duration<double, std::milli>(took).count();
  return control.timed_out(control.options().task_timeout,
                           fmt::format(": it took {:.0f} ms, since a blocking task cannot be stopped inside its own "
                                       "process; processes:N can stop it",
                                       milliseconds));
}

}  // namespace fanout::detail
