#pragma once

#include <fanout/compare/workload.hpp>

#include <chrono>
#include <cstdint>
#include <string>

/// \file
/// The built-in workloads. Their tasks are remote coroutines, so every shape can run them.
namespace fanout::workloads {

/// Tasks that wait: `tasks` fetches of `url`. A fetch without a response, and one with a status of 400 or above, is a
/// failure. `timeout` is for each.
workload io(const std::string& url, std::uint64_t tasks, std::chrono::milliseconds timeout);

/// Tasks that compute: `tasks` times the primes below `limit`, counted by a coroutine that never suspends. A count that
/// differs from a known one is a failure.
workload cpu(std::uint64_t limit, std::uint64_t tasks);

/// The `limit` at which one task of `cpu` takes about `work` of one core of this machine. Found by running it, for a
/// fraction of `work` or a tenth of a second, whichever is longer.
std::uint64_t calibrate_cpu(std::chrono::nanoseconds work);

}  // namespace fanout::workloads
