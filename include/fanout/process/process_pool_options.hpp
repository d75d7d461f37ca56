#pragma once

#include <fanout/base/saturated_time.hpp>
#include <fanout/core/worker_options.hpp>

#include <chrono>
#include <cstdint>

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

}  // namespace fanout
