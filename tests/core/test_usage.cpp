// What this process has used, from the kernel.

#include <fanout/core/detail/usage.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstring>
#include <thread>
#include <vector>

namespace fanout::detail {
namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

/// Uses that much CPU time of the calling thread.
void compute(std::chrono::nanoseconds time) {
  const auto until = thread_cpu() + time;
  while (thread_cpu() < until) continue;
}

TEST(usage, the_cpu_time_of_a_thread_is_its_own) {
  const auto before = thread_cpu();
  std::thread([] {
    const auto own = thread_cpu();
    compute(5ms);
    EXPECT_GE(thread_cpu() - own, 5ms);
  }).join();
  const auto joined = thread_cpu();
  compute(2ms);
  EXPECT_GE(thread_cpu() - joined, 2ms);
  EXPECT_GE(joined, before);
}

TEST(cpu_stopwatch, measures_a_task) {
  cpu_stopwatch watch;
  const auto started = clock_type::now();
  watch.start(started);
  compute(3ms);
  EXPECT_GE(watch.stop(started, clock_type::now()), 3ms);
}

TEST(cpu_stopwatch, a_task_that_is_too_short_is_not_measured) {
  cpu_stopwatch watch;
  const clock_type::time_point started(1h);
  watch.start(started);
  EXPECT_EQ(watch.stop(started, started + cpu_stopwatch::worth_measuring - 1ns), -1ns);
  EXPECT_GE(watch.stop(started, started + cpu_stopwatch::worth_measuring), 0ns);
}

TEST(cpu_stopwatch, the_end_of_a_task_is_the_start_of_the_next_unless_that_is_too_long_ago) {
  cpu_stopwatch watch;
  clock_type::time_point now(1h);
  watch.start(now);
  watch.stop(now, now + 1ms);
  now += 1ms;
  compute(2ms);              // between two tasks
  watch.start(now + 100us);  // fresh enough: the reading stays
  EXPECT_GE(watch.stop(now + 100us, now + 1ms), 2ms) << "it is too high by what came in between";
  now += 1ms;
  compute(2ms);
  watch.start(now + 201us);  // too old
  EXPECT_LT(watch.stop(now + 201us, now + 1ms), 2ms);
}

TEST(usage, the_peak_of_the_resident_set_grows_with_what_is_touched) {
  const auto before = peak_rss_bytes();
  EXPECT_GT(before, 1'000'000U);
  constexpr std::size_t size = std::size_t{64} << 20;
  const auto now = [&] {
    std::vector<char> touched(size + before);  // more than all that may be free in the heap
    std::memset(touched.data(), 1, touched.size());
    return peak_rss_bytes();
  }();
  EXPECT_GE(now, before + size);
  EXPECT_GE(peak_rss_bytes() + (1 << 20), now) << "it stays, but for what the kernel counts late";
}

TEST(usage_meter, adds_what_was_used_since_it_was_made) {
  compute(5ms);
  const usage_meter meter;
  const auto used_before = [] {
    report none;
    usage_meter().add_to(none);
    return none;
  }();
  EXPECT_LT(used_before.cpu(), 5ms) << "not what was used before";
  compute(12ms);
  report cost;
  cost.cpu_user = 1s;
  cost.peak_rss_bytes = 5;
  meter.add_to(cost);
  EXPECT_GE(cost.cpu(), 1s + 10ms) << "the kernel counts in steps of some milliseconds";
  EXPECT_GE(cost.peak_rss_bytes, 5 + used_before.peak_rss_bytes);
}

}  // namespace
}  // namespace fanout::detail
