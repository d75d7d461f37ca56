#include <fanout/async/sleep.hpp>
#include <fanout/compare/workloads.hpp>
#include <fanout/process/remote.hpp>

#include "compare/workloads/equal_tasks.hpp"
#include "compare/workloads/sieve.hpp"

#include <fmt/format.h>

namespace fanout::workloads {

struct mixed_input {
  std::int64_t wait_ns = 0;
  std::uint64_t limit = 0;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(wait_ns, limit);
  }
};

/// Not in an unnamed namespace: a worker process finds it by its name.
task<std::uint64_t> wait_then_count(mixed_input what) {
  auto waiting = sleep(std::chrono::nanoseconds(what.wait_ns));
  co_await std::move(waiting);
  co_return detail::count_primes_verified(what.limit);
}

workload mixed(std::chrono::nanoseconds wait, std::uint64_t limit, std::uint64_t tasks) {
  return detail::equal_tasks(
      "mixed",
      fmt::format("{} {} {:.0f} ms, then {} the primes below {}", tasks,
                  tasks == 1 ? "task that waits" : "tasks that wait",
                  std::chrono::duration<double, std::milli>(wait).count(), tasks == 1 ? "counts" : "count", limit),
      remote<wait_then_count>, mixed_input{wait.count(), limit}, tasks);
}

}  // namespace fanout::workloads
