#include <fanout/compare/workloads.hpp>
#include <fanout/core/detail/usage.hpp>
#include <fanout/core/map.hpp>
#include <fanout/process/remote.hpp>

#include "support/leaks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <poll.h>

#include <mutex>
#include <numeric>
#include <ranges>

namespace fanout {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

class automatic_runs : public test::leak_checked {
 protected:
  void SetUp() override {
    leak_checked::SetUp();
    if (available_cores() < 2) GTEST_SKIP() << "with one core there is nothing to choose";
  }
};

report run_automatically(const workload& work) {
  const workload_run done = work.run(automatic(), work.tasks);
  EXPECT_EQ(done.failure, "");
  EXPECT_EQ(done.cost.tasks, work.tasks);
  return done.cost;
}

TEST_F(automatic_runs, coroutines_that_never_wait_get_a_loop_on_every_core) {
  const report cost = run_automatically(workloads::cpu(workloads::calibrate_cpu(10ms), 60));
  EXPECT_EQ(cost.shape.model, model::hybrid) << cost.choice;
  EXPECT_EQ(cost.threads, available_cores());
  EXPECT_THAT(cost.choice, HasSubstr("one loop is the bottleneck"));
}

TEST_F(automatic_runs, coroutines_that_wait_for_one_lock_go_on_in_processes_and_keep_their_results) {
  const auto work = workloads::lock(0, workloads::calibrate_cpu(10ms), 240);
  const workload_run done = work.run(automatic(), work.tasks);
  EXPECT_EQ(done.failure, "");
  EXPECT_EQ(done.cost.tasks, work.tasks);
  EXPECT_EQ(done.checksum, work.run(sync(), work.tasks).checksum);
  EXPECT_EQ(done.cost.shape, processes(available_cores())) << done.cost.choice;
  EXPECT_THAT(done.cost.choice, HasSubstr("lets one through at a time"));
}

// Those that wait end their waits together, and then keep the loop from its timers until each has computed.
TEST_F(automatic_runs, a_loop_that_is_busy_is_seen_before_its_timers_are) {
  const auto work = workloads::mixed(5ms, workloads::calibrate_cpu(10ms), 192);
  options how(automatic());
  how.timeline = true;
  const workload_run done = work.run(how, work.tasks);
  EXPECT_EQ(done.failure, "");
  EXPECT_EQ(done.cost.shape.model, model::hybrid) << done.cost.choice;
  const auto& spans = done.cost.timeline;
  const auto later = std::ranges::find_if(spans, [](const task_span& span) { return span.lane > 0; });
  ASSERT_NE(later, spans.end());
  std::chrono::steady_clock::time_point second_lane = later->started;
  for (const task_span& span : spans)
    if (span.lane > 0) second_lane = std::min(second_lane, span.started);
  const auto before = std::ranges::count_if(spans, [&](const task_span& span) { return span.finished <= second_lane; });
  EXPECT_LT(before, 50);  // of 64 that waited together
}

TEST_F(automatic_runs, coroutines_that_wait_stay_on_one_loop) {
  const report cost = run_automatically(workloads::mixed(50ms, 1000, 400));
  EXPECT_EQ(cost.shape.model, model::async) << cost.choice;
  EXPECT_EQ(cost.threads, 1U);
}

}  // namespace

// Blocking tasks, with names that workers find them by.
std::mutex one_lock;

int compute_for(int ms) {
  const auto until = detail::thread_cpu() + std::chrono::milliseconds(ms);
  while (detail::thread_cpu() < until) {
  }
  return ms;
}
int compute_under_lock(int ms) {
  const std::lock_guard held(one_lock);
  return compute_for(ms);
}
int wait_for(int ms) {
  ::poll(nullptr, 0, ms);
  return ms;
}
int wait_and_compute(int ms) {
  ::poll(nullptr, 0, ms);
  return compute_for(ms);
}

namespace {

template <class Task>
report block_automatically(Task task, int tasks, int ms) {
  const std::vector<int> inputs(static_cast<std::size_t>(tasks), ms);
  int sum = 0;
  const report cost = run(automatic(), task, inputs, [&](outcome<int> out) { sum += out.value(); });
  EXPECT_EQ(sum, tasks * ms);
  return cost;
}

TEST_F(automatic_runs, blocking_tasks_that_wait_get_more_threads_than_cores) {
  const report cost = block_automatically(remote<wait_for>, 100, 20);
  EXPECT_EQ(cost.shape, threads(32)) << cost.choice;
}

TEST_F(automatic_runs, blocking_tasks_that_wait_for_each_other_go_on_in_processes) {
  const report cost = block_automatically(remote<compute_under_lock>, 60, 10);
  EXPECT_EQ(cost.shape, processes(available_cores())) << cost.choice;
  EXPECT_THAT(cost.choice, HasSubstr("with one lane alone"));
}

TEST_F(automatic_runs, what_cannot_travel_stays_in_its_process) {
  const report cost = block_automatically([](int ms) { return compute_under_lock(ms); }, 80, 10);
  EXPECT_FALSE(cost.shape.uses_workers()) << cost.choice;
}

TEST_F(automatic_runs, blocking_tasks_that_wait_and_compute_are_not_taken_for_waiting_for_each_other) {
  const report cost = block_automatically(remote<wait_and_compute>, 80, 10);
  EXPECT_FALSE(cost.shape.uses_workers()) << cost.choice;
}

}  // namespace
}  // namespace fanout
