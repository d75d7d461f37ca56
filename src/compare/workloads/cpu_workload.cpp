#include <fanout/compare/workloads.hpp>
#include <fanout/core/detail/usage.hpp>
#include <fanout/process/remote.hpp>

#include "compare/workloads/equal_tasks.hpp"
#include "compare/workloads/sieve.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace fanout::workloads {
namespace {

std::chrono::nanoseconds cost_of(std::uint64_t limit) {
  const auto before = detail::thread_cpu();
  detail::count_primes_verified(limit);
  return std::max(detail::thread_cpu() - before, std::chrono::nanoseconds(1));
}

}  // namespace

/// Never suspends, so that a loop which runs it runs nothing else. Not in an unnamed namespace: a worker process finds
/// it by its name.
task<std::uint64_t> count_primes_below(std::uint64_t limit) {
  co_return detail::count_primes_verified(limit);
}

workload cpu(std::uint64_t limit, std::uint64_t tasks) {
  return detail::equal_tasks("cpu",
                             fmt::format("{} {} of the primes below {}", tasks, tasks == 1 ? "count" : "counts", limit),
                             remote<count_primes_below>, limit, tasks);
}

// The sieve's cost grows hardly faster than its limit: from a tenth of `work`, in proportion, it is met to a few per
// cent.
std::uint64_t calibrate_cpu(std::chrono::nanoseconds work) {
  const auto enough = std::min<std::chrono::nanoseconds>(work / 4, std::chrono::milliseconds(100));
  std::uint64_t limit = 1000;
  auto cost = cost_of(limit);
  while (cost < enough) cost = cost_of(limit *= 2);
  for (int again = 0; again < 2; ++again) cost = std::min(cost, cost_of(limit));  // some may have been disturbed
  const double exact =
      static_cast<double>(limit) * static_cast<double>(work.count()) / static_cast<double>(cost.count());
  return std::max<std::uint64_t>(static_cast<std::uint64_t>(exact) / 1000 * 1000, 1000);
}

}  // namespace fanout::workloads
