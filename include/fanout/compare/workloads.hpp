#pragma once

#include <fanout/compare/workload.hpp>
#include <fanout/core/interrupt.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

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

/// Tasks that do both: each waits for `wait` on its loop, then counts the primes below `limit`.
workload mixed(std::chrono::nanoseconds wait, std::uint64_t limit, std::uint64_t tasks);

/// Tasks that move memory: each copies `bytes` from one half of a block to the other, `passes` times. The block belongs
/// to the lane, so that tasks share nothing but the way to memory.
workload memory(std::uint64_t bytes, std::uint64_t passes, std::uint64_t tasks);

/// The `passes` at which one task of `memory` takes about `work` while it has the machine to itself.
std::uint64_t calibrate_memory(std::uint64_t bytes, std::chrono::nanoseconds work);

/// Tasks that need one lock: each counts the primes below `free_limit`, and those below `limit` while it holds a lock
/// that all threads of its process share. That is what an interpreter's lock makes of any program. Worker processes
/// have a lock each, as interpreters have.
workload lock(std::uint64_t free_limit, std::uint64_t limit, std::uint64_t tasks);

/// The fetches of a list: the first `at_most` requests of `list`, a file as `fetch::request_source` reads it. All are
/// tried once, which warms caches of names; those that fail are left out, and the description says how many.
/// Throws `std::runtime_error` that names the list if it cannot be read, is empty, or nothing of it can be fetched, and
/// a `fanout::error` of kind `cancelled` when `stop`, which may be null, was raised.
workload urls(const std::string& list, std::uint64_t at_most, std::chrono::milliseconds timeout,
              const fanout::interrupt* stop = nullptr);

/// Runs of a program, one for each of `inputs`: every `{}` in `arguments` becomes the input, and without a `{}` the
/// input is added as the last argument. The first of `arguments` is the program, looked up in PATH unless it has a
/// slash; no shell is involved. It reads nothing from standard input, and what it prints is dropped (at most 64 MiB of
/// it; more is a failure). A run fails that ends with another status than 0. One event loop waits for many of them;
/// the CPU time of a task is that of its program. Thread safety: one run of it at a time.
workload command(const std::vector<std::string>& arguments, const std::vector<std::string>& inputs);

/// The same without inputs: `arguments` as they are, `times` times.
workload command(const std::vector<std::string>& arguments, std::uint64_t times);

}  // namespace fanout::workloads
