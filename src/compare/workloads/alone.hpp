#pragma once

#include <fanout/compare/workload.hpp>

#include <chrono>
#include <optional>

namespace fanout::detail {

/// What a task takes when it has the machine to itself, from the quickest of a few runs of one task.
struct task_alone {
  std::chrono::nanoseconds wall{0};
  std::chrono::nanoseconds cpu{0};
  double cpu_share = 0;  ///< computing, of the time it computed or waited
};

/// Runs the first task of `work` alone, on this thread, a few times: it takes up to about a second, or one task. Warms
/// up on the way. Empty when none succeeded. Throws a `fanout::error` of kind `cancelled` when the run was stopped.
std::optional<task_alone> run_alone(const workload& work, const options& how);

/// How long the calling thread was ready to run and had no core. Zero where the kernel does not say.
std::chrono::nanoseconds time_without_core();

/// Of the time that a run on the calling thread had a core or waited for something else, how much it computed.
double cpu_share_of(const report& cost, std::chrono::nanoseconds without_core);

/// Throws a `fanout::error` of kind `cancelled` if the run was ended from outside.
void throw_if_stopped(const report& cost);

}  // namespace fanout::detail
