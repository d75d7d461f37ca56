#include <fanout/compare/workloads.hpp>
#include <fanout/core/detail/usage.hpp>
#include <fanout/process/remote.hpp>

#include "compare/workloads/equal_tasks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace fanout::workloads {

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

/// Never suspends. Not in an unnamed namespace: a worker process finds it by its name.
task<std::uint64_t> copy_memory(memory_input what) {
  const std::uint64_t sum = copy_passes(what);
  std::uint64_t expected = 0;
  const std::uint64_t words = std::max<std::uint64_t>(what.bytes / sizeof(std::uint64_t), 1);
  for (std::uint64_t pass = 0; pass < what.passes; ++pass) expected += pattern(pattern(pass) % words) + pass + 1;
  if (sum != expected) throw std::logic_error("what was copied is not what was there");
  co_return sum;
}

workload memory(std::uint64_t bytes, std::uint64_t passes, std::uint64_t tasks) {
  return detail::equal_tasks("memory",
                             fmt::format("{} {} that {} {:.1f} MiB {} {}", tasks, tasks == 1 ? "task" : "tasks",
                                         tasks == 1 ? "copies" : "copy", static_cast<double>(bytes) / (1024.0 * 1024.0),
                                         passes, passes == 1 ? "time" : "times"),
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

}  // namespace fanout::workloads
