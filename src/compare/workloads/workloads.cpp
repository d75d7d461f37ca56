#include <fanout/async/sleep.hpp>
#include <fanout/compare/workloads.hpp>
#include <fanout/core/detail/usage.hpp>
#include <fanout/process/remote.hpp>

#include "compare/workloads/sieve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// What the tasks of a workload call is not in an unnamed namespace: a worker process finds it by its name.
namespace fanout::workloads {
namespace {

/// The same `tasks` times: `function` of `input`, whose result is a number that says what was done.
template <class Task, class Input>
workload equal_tasks(std::string name, std::string description, Task function, const Input& input,
                     std::uint64_t tasks) {
  return make_workload(std::move(name), std::move(description), std::move(function), std::vector<Input>(tasks, input),
                       [](std::uint64_t done) { return done; });
}

std::chrono::nanoseconds cost_of(std::uint64_t limit) {
  const auto before = detail::thread_cpu();
  detail::count_primes_verified(limit);
  return std::max(detail::thread_cpu() - before, std::chrono::nanoseconds(1));
}

}  // namespace

/// Never suspends, so that a loop which runs it runs nothing else.
task<std::uint64_t> count_primes_below(std::uint64_t limit) {
  co_return detail::count_primes_verified(limit);
}

workload cpu(std::uint64_t limit, std::uint64_t tasks) {
  return equal_tasks("cpu", fmt::format("{} {} of the primes below {}", tasks, tasks == 1 ? "count" : "counts", limit),
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

struct mixed_input {
  std::int64_t wait_ns = 0;
  std::uint64_t limit = 0;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(wait_ns, limit);
  }
};

task<std::uint64_t> wait_then_count(mixed_input what) {
  auto waiting = sleep(std::chrono::nanoseconds(what.wait_ns));
  co_await std::move(waiting);
  co_return detail::count_primes_verified(what.limit);
}

workload mixed(std::chrono::nanoseconds wait, std::uint64_t limit, std::uint64_t tasks) {
  return equal_tasks(
      "mixed",
      fmt::format("{} {} {:.0f} ms, then {} the primes below {}", tasks,
                  tasks == 1 ? "task that waits" : "tasks that wait",
                  std::chrono::duration<double, std::milli>(wait).count(), tasks == 1 ? "counts" : "count", limit),
      remote<wait_then_count>, mixed_input{wait.count(), limit}, tasks);
}

struct memory_input {
  std::uint64_t bytes = 0;
  std::uint64_t passes = 0;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(bytes, passes);
  }
};

namespace {

std::uint64_t pattern(std::uint64_t word) {
  return word * 0x9e3779b97f4a7c15;
}

/// The first half has a pattern, the second what was copied. Made once for each lane: to have the kernel hand out and
/// clear the pages would be other work, and much of it.
std::vector<std::uint64_t>& block_of_this_lane(std::uint64_t bytes) {
  thread_local std::vector<std::uint64_t> block;
  const std::uint64_t words = std::max<std::uint64_t>(bytes / sizeof(std::uint64_t), 1);
  if (block.size() == 2 * words) return block;
  block.assign(2 * words, 0);
  for (std::uint64_t i = 0; i < words; ++i) block[i] = pattern(i);
  return block;
}

/// Every pass changes a word of what is copied, so that no pass could be left out.
std::uint64_t copy_passes(const memory_input& what) {
  std::vector<std::uint64_t>& block = block_of_this_lane(what.bytes);
  const std::uint64_t words = block.size() / 2;
  std::uint64_t sum = 0;
  for (std::uint64_t pass = 0; pass < what.passes; ++pass) {
    const std::uint64_t at = pattern(pass) % words;
    block[at] += pass + 1;
    std::memcpy(&block[words], block.data(), words * sizeof(std::uint64_t));
    sum += block[words + at];
    block[at] = pattern(at);
  }
  return sum;
}

}  // namespace

/// Never suspends.
task<std::uint64_t> copy_memory(memory_input what) {
  const std::uint64_t sum = copy_passes(what);
  std::uint64_t expected = 0;
  const std::uint64_t words = std::max<std::uint64_t>(what.bytes / sizeof(std::uint64_t), 1);
  for (std::uint64_t pass = 0; pass < what.passes; ++pass) expected += pattern(pattern(pass) % words) + pass + 1;
  if (sum != expected) throw std::logic_error("what was copied is not what was there");
  co_return sum;
}

workload memory(std::uint64_t bytes, std::uint64_t passes, std::uint64_t tasks) {
  return equal_tasks("memory",
                     fmt::format("{} {} that {} {:.1f} MiB {} {}", tasks, tasks == 1 ? "task" : "tasks",
                                 tasks == 1 ? "copies" : "copy", static_cast<double>(bytes) / (1024.0 * 1024.0), passes,
                                 passes == 1 ? "time" : "times"),
                     remote<copy_memory>, memory_input{bytes, passes}, tasks);
}

// By CPU time: what else the machine does must not make the tasks shorter.
std::uint64_t calibrate_memory(std::uint64_t bytes, std::chrono::nanoseconds work) {
  copy_passes({bytes, 1});  // the pages are there after this
  std::uint64_t passes = 1;
  std::chrono::nanoseconds took{0};
  for (;; passes *= 2) {
    const auto before = detail::thread_cpu();
    copy_passes({bytes, passes});
    took = std::max<std::chrono::nanoseconds>(detail::thread_cpu() - before, std::chrono::nanoseconds(1));
    if (took >= work / 4) break;
  }
  const double exact =
      static_cast<double>(passes) * static_cast<double>(work.count()) / static_cast<double>(took.count());
  return std::max<std::uint64_t>(static_cast<std::uint64_t>(exact), 1);
}

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

/// Never suspends, so the lock is held by a thread that runs.
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
  return equal_tasks("lock", std::move(description), remote<count_under_lock>, lock_input{free_limit, limit}, tasks);
}

}  // namespace fanout::workloads
