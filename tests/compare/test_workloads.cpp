#include <fanout/compare/workloads.hpp>

#include "support/leaks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace fanout {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

class workload_tests : public test::leak_checked {};

report run_under(const workload& work, const shape& under) {
  const workload_run done = work.run(under, work.tasks);
  EXPECT_EQ(done.failure, "") << to_string(under);
  EXPECT_EQ(done.cost.tasks, work.tasks);
  return done.cost;
}

TEST_F(workload_tests, mixed_tasks_overlap_their_waiting_and_not_their_computing_on_a_loop) {
  const auto work = workloads::mixed(60ms, workloads::calibrate_cpu(20ms), 4);
  EXPECT_EQ(work.description.substr(0, 30), "4 tasks that wait 60 ms, then ");
  const report one_by_one = run_under(work, sync());
  EXPECT_GE(one_by_one.wall, 4 * 60ms + one_by_one.cpu() / 2);
  report loop = run_under(work, async(4));
  for (int again = 0; again < 4; ++again)  // the quickest: other programs may have the cores
    if (report next = run_under(work, async(4)); next.wall < loop.wall) loop = std::move(next);
  EXPECT_GE(loop.wall, 60ms + loop.cpu() / 2);
  EXPECT_LT(loop.wall, one_by_one.wall - 100ms);
  EXPECT_EQ(loop.threads, 1U);
}

TEST_F(workload_tests, every_shape_copies_the_same) {
  const auto work = workloads::memory(1 << 20, 3, 4);
  const auto first = work.run(sync(), work.tasks).checksum;
  for (const auto& under : {threads(2), async(2), processes(2)}) {
    const auto done = work.run(under, work.tasks);
    EXPECT_EQ(done.failure, "");
    EXPECT_EQ(done.checksum, first) << to_string(under);
  }
  EXPECT_NE(workloads::memory(1 << 20, 4, 4).run(sync(), 4).checksum, first);
}

TEST_F(workload_tests, passes_fill_the_time_that_is_asked_for) {
  const std::uint64_t passes = workloads::calibrate_memory(1 << 20, 40ms);
  EXPECT_GT(passes, 1U);
  EXPECT_GE(run_under(workloads::memory(1 << 20, passes, 1), sync()).wall, 10ms);
}

/// Whether two tasks ran at the same moment.
bool any_overlap(const report& cost) {
  for (const auto& one : cost.timeline)
    for (const auto& other : cost.timeline)
      if (one.index < other.index && one.started < other.finished && other.started < one.finished) return true;
  return false;
}

TEST_F(workload_tests, one_lock_keeps_threads_from_computing_at_once_and_processes_have_their_own) {
  const auto work = workloads::lock(0, workloads::calibrate_cpu(50ms), 6);
  const report shared = run_under(work, threads(2));
  EXPECT_EQ(shared.threads, 2U);
  EXPECT_GE(shared.wall, shared.cpu() * 9 / 10) << "its threads computed at the same time";
  options apart(processes(2));
  apart.timeline = true;
  const workload_run done = work.run(apart, work.tasks);
  EXPECT_EQ(done.failure, "");
  EXPECT_TRUE(any_overlap(done.cost));
  EXPECT_THAT(work.description, HasSubstr("every process has a lock of its own"));
}

TEST_F(workload_tests, what_needs_no_lock_is_part_of_the_result) {
  EXPECT_NE(workloads::lock(1000, 1000, 2).run(sync(), 2).checksum,
            workloads::lock(0, 1000, 2).run(sync(), 2).checksum);
}

}  // namespace
}  // namespace fanout
