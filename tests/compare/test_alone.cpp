#include "compare/workloads/alone.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace fanout::detail {
namespace {

using namespace std::chrono_literals;

report cost_of_one(std::chrono::nanoseconds wall, std::chrono::nanoseconds cpu) {
  report cost;
  cost.tasks = 1;
  cost.wall = wall;
  cost.cpu_user = cpu;
  return cost;
}

/// Whose runs are those given, one after the other; the last one again and again.
workload whose_runs_are(std::vector<workload_run> runs, int& asked) {
  workload made;
  made.tasks = 5;
  made.run = [runs = std::move(runs), &asked](const options&, std::uint64_t count) {
    EXPECT_EQ(count, 1U);
    return runs[std::min<std::size_t>(static_cast<std::size_t>(asked++), runs.size() - 1)];
  };
  return made;
}

workload_run run_of(std::chrono::nanoseconds wall, std::chrono::nanoseconds cpu, std::uint64_t failures = 0) {
  workload_run one;
  one.cost = cost_of_one(wall, cpu);
  one.cost.failures = failures;
  one.quickest = wall - 1ms;
  return one;
}

TEST(cpu_share, is_of_the_time_with_a_core) {
  EXPECT_DOUBLE_EQ(cpu_share_of(cost_of_one(100ms, 25ms), 0ns), 0.25);
  EXPECT_DOUBLE_EQ(cpu_share_of(cost_of_one(100ms, 25ms), 50ms), 0.5);
}

TEST(cpu_share, stays_a_share_whatever_the_clocks_say) {
  EXPECT_DOUBLE_EQ(cpu_share_of(cost_of_one(100ms, 120ms), 0ns), 1);
  EXPECT_DOUBLE_EQ(cpu_share_of(cost_of_one(100ms, 25ms), 200ms), 1);
  EXPECT_DOUBLE_EQ(cpu_share_of(cost_of_one(0ns, 0ns), 0ns), 0);
}

TEST(run_alone, the_quickest_run_that_succeeded_counts) {
  int asked = 0;
  const auto found = run_alone(
      whose_runs_are({run_of(40ms, 10ms), run_of(5ms, 1ms, 1), run_of(20ms, 15ms), run_of(30ms, 10ms)}, asked), sync());
  EXPECT_EQ(asked, 5);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->wall, 19ms);
  EXPECT_EQ(found->cpu, 15ms);
  EXPECT_GE(found->cpu_share, 0.75);  // more if this thread waited for a core meanwhile
}

TEST(run_alone, takes_a_long_task_once_and_none_where_all_fail) {
  int asked = 0;
  EXPECT_TRUE(run_alone(whose_runs_are({run_of(2s, 1s)}, asked), sync()));
  EXPECT_EQ(asked, 1);
  asked = 0;
  EXPECT_FALSE(run_alone(whose_runs_are({run_of(1ms, 1ms, 1)}, asked), sync()));
  EXPECT_EQ(asked, 5);
}

TEST(run_alone, one_that_was_stopped_ends_it) {
  workload_run stopped = run_of(1ms, 1ms);
  stopped.cost.stopped = true;
  int asked = 0;
  try {
    run_alone(whose_runs_are({stopped}, asked), sync());
    ADD_FAILURE() << "not stopped";
  } catch (const error& ended) {
    EXPECT_EQ(ended.kind(), failure_kind::cancelled);
  }
}

}  // namespace
}  // namespace fanout::detail
