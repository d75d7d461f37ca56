#pragma once

#include <fanout/base/saturated_time.hpp>
#include <fanout/core/backend.hpp>
#include <fanout/core/interrupt.hpp>
#include <fanout/core/shape.hpp>
#include <fanout/core/worker_options.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>

/// \file
/// How to run.
namespace fanout {

enum class on_error {
  fail_fast,  ///< the first failure cancels the tasks under way, awaits them, and ends the run
  collect,    ///< every input gets its outcome
};

/// How far a run has come.
struct progress {
  std::uint64_t finished = 0;  ///< outcomes so far, failures among them
  std::uint64_t failures = 0;
  std::chrono::nanoseconds elapsed{0};
};

/// Options of `run` and of everything above it. A shape converts to them: `map(threads(5), f, urls)`.
struct options {
  options() = default;
  options(const fanout::shape& of_shape) : shape(of_shape) {}  // NOLINT(google-explicit-constructor): see above

  fanout::shape shape = sync();
  fanout::on_error on_error = fanout::on_error::fail_fast;

  /// Limit for each task; zero or less for none. A coroutine is cancelled. A worker process that holds a blocking task
  /// is killed, and so is one whose coroutine has still not ended two seconds or more after it should have been
  /// cancelled. A blocking task in this process cannot be stopped: it runs to its end, and its outcome is a `timeout`
  /// whose message says so.
  any_duration<std::chrono::nanoseconds> task_timeout{0};

  /// Stop now: nothing more is pulled, tasks under way are cancelled and awaited, their outcomes are `cancelled`.
  std::stop_token stop;
  /// Stop gently: nothing more is pulled, tasks under way finish.
  std::stop_token drain;

  /// The two stages of Ctrl-C, for a signal handler to raise; may be null. It must outlive the run.
  const fanout::interrupt* interrupt = nullptr;

  /// For shapes with worker processes; a pool has its own.
  worker_options workers;

  /// Whose workers run the tasks, instead of workers of the run's own. `process_pool::with` and `nodes::with` set it.
  fanout::backend backend = {};

  /// Called at most ten times a second, and once at the end, never at the same time as the sink or itself, on
  /// whichever lane finished a task. Must not throw.
  std::function<void(const progress&)> on_progress;

  /// Keep a `task_span` for each task in the report: 72 bytes each, and 16 for each time a coroutine held its thread.
  /// To know that, coroutines are run on an executor that looks at the clock whenever it runs them.
  bool timeline = false;
};

}  // namespace fanout
