#include <fanout/compare/workloads.hpp>
#include <fanout/process/remote.hpp>

#include "compare/workloads/equal_tasks.hpp"
#include "compare/workloads/sieve.hpp"

#include <fmt/format.h>

#include <mutex>

namespace fanout::workloads {
namespace {

std::mutex the_lock;

}  // namespace

struct lock_input {
  std::uint64_t free_limit = 0;
  std::uint64_t limit = 0;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(free_limit, limit);
  }
};

/// Never suspends, so the lock is held by a thread that runs. Not in an unnamed namespace: a worker process finds it by
/// its name.
task<std::uint64_t> count_under_lock(lock_input what) {
  const std::uint64_t outside = what.free_limit > 0 ? detail::count_primes_verified(what.free_limit) : 0;
  const std::lock_guard held(the_lock);
  co_return outside + detail::count_primes_verified(what.limit);
}

workload lock(std::uint64_t free_limit, std::uint64_t limit, std::uint64_t tasks) {
  std::string description =
      fmt::format("{} {} of the primes below {} under one lock", tasks, tasks == 1 ? "count" : "counts", limit);
  if (free_limit > 0) description += fmt::format(", and of those below {} outside it", free_limit);
  description += "; every process has a lock of its own";
  return detail::equal_tasks("lock", std::move(description), remote<count_under_lock>, lock_input{free_limit, limit},
                             tasks);
}

}  // namespace fanout::workloads
