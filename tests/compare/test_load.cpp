#include <fanout/compare/workloads.hpp>
#include <fanout/core/detail/usage.hpp>

#include "compare/workloads/load.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <string_view>
#include <thread>
#include <vector>

namespace fanout::detail {
namespace {

using namespace std::chrono_literals;

bool all_cores(std::uint32_t) {
  return true;
}
bool second_core(std::uint32_t core) {
  return core == 1;
}

// 100 ticks a second, as everywhere: user nice system idle iowait irq softirq steal guest guest_nice.
constexpr std::string_view stat =
    "cpu  600 0 0 99 0 0 0 0 0 0\ncpu0 100 20 30 5000 700 1 2 47 9 9\ncpu1 40 0 0 9000 0 0 0 10 0 0\nintr 1 2 3\n";

TEST(load, busy_is_all_but_idle_of_the_cores_that_count) {
  EXPECT_EQ(busy_time(stat, all_cores), 2500ms);
  EXPECT_EQ(busy_time(stat, second_core), 500ms);
}

TEST(load, a_text_without_cores_tells_nothing) {
  for (const std::string_view text : {"", "cpu", "intr 1", "cpu  1 2 3\n", "cpux 1 2\n"})
    EXPECT_LT(busy_time(text, all_cores), 0ns) << text;
  for (std::size_t cut = 0; cut <= stat.size(); ++cut) EXPECT_LE(busy_time(stat.substr(0, cut), all_cores), 2500ms);
}

TEST(load, samples_are_some_part_of_the_cores) {
  load_meter meter;
  EXPECT_EQ(meter.cores(), 0);
  meter.sample();
  EXPECT_GE(meter.cores(), 0);
  EXPECT_LE(meter.cores(), 2.0 * std::thread::hardware_concurrency());
}

// More threads than cores that all compute: while one runs, another is ready.
TEST(load, threads_that_share_cores_are_ready_for_some_of_their_time) {
  const std::ifstream known("/proc/thread-self/schedstat");
  if (!known) GTEST_SKIP() << "the kernel does not say";
  constexpr auto each = 100ms;
  const unsigned count = 3 * std::thread::hardware_concurrency();
  ready_meter meter;
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < count; ++i)
      threads.emplace_back([each] {
        const auto until = thread_cpu() + each;
        while (thread_cpu() < until) {
        }
      });
  }
  EXPECT_GT(meter.stop(), each * count / 4);
}

// A task that computes in programs of its own, next to threads that have all cores.
TEST(load, programs_wait_for_a_core_as_threads_do) {
  const std::ifstream known("/proc/thread-self/schedstat");
  if (!known) GTEST_SKIP() << "the kernel does not say";
  std::vector<std::jthread> hogs;
  for (unsigned i = 0; i < 3 * std::thread::hardware_concurrency(); ++i)
    hogs.emplace_back([](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
      }
    });
  const auto run = [](const char* script) {
    const workload work = workloads::command({"/bin/sh", "-c", script}, 1);
    return work.run(options(sync()), 1);
  };
  const auto ran = run("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done");
  ASSERT_EQ(ran.cost.failures, 0U);
  EXPECT_GT(ran.without_core, ran.cost.cpu() / 4) << "of three to four programs for a core one has it";
  ready_meter children(ready_meter::whose::children);
  EXPECT_LE(children.stop(), 0ns) << "there are none; the threads do not count";
}

TEST(load, a_meter_can_be_left_unread) {
  const ready_meter meter;
}

}  // namespace
}  // namespace fanout::detail
