#pragma once

#include <fanout/async/settled.hpp>
#include <fanout/base/task.hpp>

#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

/// \file
/// One coroutine, from a thread that has no event loop: what `asyncio.run` does.
///
///     fanout::task<int> program(std::string url);
///
///     int main(int argc, char** argv) { return fanout::sync_wait(program(argv[1])); }
///
/// (The name is that of std::execution, cppcoro and libcoro; folly calls it `blockingWait`, Boost.Cobalt `run`.)
///
/// Ctrl-C: the library sets no signal handler, so SIGINT ends the process as always. To end the coroutine instead, race
/// it with the signal; it is cancelled and awaited, and can clean up:
///
///     fanout::task<void> until_ctrl_c() {
///       fanout::signals ctrl_c(SIGINT, SIGTERM);
///       co_await fanout::race_to_finish(program(), ctrl_c.next());
///     }
namespace fanout {

namespace detail {

/// Runs `work` on a loop of its own until it has ended; throws what it throws.
void run_loop_until_done(task<void> work, const std::stop_token& stop);

template <class T>
task<void> keep_value(task<T> work, std::optional<T>& into) {
  T value = co_await std::move(work);
  into.emplace(std::move(value));
}

}  // namespace detail

/// Runs `work` on an event loop of the calling thread, which it blocks, until `work` has ended; returns its value or
/// throws what it throws. Whatever else was spawned on that loop and is still there is destroyed then.
///
/// A `stop` that is requested, by any thread, cancels `work`, which ends as it likes: by throwing `operation_aborted`,
/// as a rule.
///
/// Throws `std::logic_error` on a thread that runs a loop of fanout's already, as within a coroutine that `map` or
/// another `sync_wait` runs: it would stop that loop, and whatever `work` needs of it would never come. `co_await` the
/// task there, or bring the blocking call to another thread (`to_thread`). A loop that is not fanout's it does not
/// know, and blocks.
///
/// Thread safety: may be called by any number of threads, each with a task of its own.
template <class T>
T sync_wait(task<T> work, const std::stop_token& stop = {}) {
  if constexpr (std::is_void_v<T>) {
    detail::run_loop_until_done(std::move(work), stop);
  } else {
    std::optional<T> value;
    detail::run_loop_until_done(detail::keep_value(std::move(work), value), stop);
    return *std::move(value);
  }
}

}  // namespace fanout
