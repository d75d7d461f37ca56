#include "process/supervisor/task_time.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace {

using namespace std::chrono_literals;
using fanout::detail::task_time;

TEST(task_time, knows_nothing_before_the_first_result) {
  const task_time time;
  EXPECT_EQ(time.mean(), 0ns);
  EXPECT_EQ(time.tasks_in(1s), 0u);
}

TEST(task_time, of_equal_tasks_is_what_each_takes) {
  for (const auto each : {25ns, 3'000ns, 100'000ns, 1'000'000ns, 250'000'000ns}) {
    task_time time;
    for (int i = 0; i < 10'000; ++i) time.add(7, 7 * each);
    EXPECT_NEAR(static_cast<double>(time.mean().count()), static_cast<double>(each.count()), 1.0);
    EXPECT_NEAR(static_cast<double>(time.tasks_in(4 * each)), 4.0, 1.0);
  }
}

// Thirty trivial tasks for each slow one: whatever came last, what is handed out for 4 ms of work takes about that.
TEST(task_time, of_mixed_tasks_counts_the_slow_ones_whatever_came_last) {
  for (const auto slow : {200us, 1'000us, 20'000us}) {
    task_time time;
    for (int i = 0; i < 200; ++i) {
      time.add(1, slow);
      const auto after_a_slow_one = time.tasks_in(4ms);
      time.add(30, 1us);
      if (i < 100) continue;
      const double share = 4'000.0 / static_cast<double>(slow.count()) * 31;
      EXPECT_LE(static_cast<double>(time.tasks_in(4ms)), 1.5 * share) << slow.count();
      EXPECT_GE(static_cast<double>(time.tasks_in(4ms)), 0.4 * share) << slow.count();
      EXPECT_LE(static_cast<double>(after_a_slow_one), 1.5 * share) << slow.count();
    }
  }
}

TEST(task_time, promises_few_tasks_where_it_has_seen_few) {
  task_time time;
  time.add(1, 20ns);
  EXPECT_LE(time.tasks_in(4ms), 4u);
  time.add(4, 80ns);
  EXPECT_LE(time.tasks_in(4ms), 20u);
  for (int i = 0; i < 1'000; ++i) time.add(8'192, 8'192 * 20ns);
  EXPECT_GE(time.tasks_in(4ms), 100'000u);
}

TEST(task_time, adapts_to_tasks_that_become_slow_within_some_of_them) {
  task_time time;
  for (int i = 0; i < 1'000; ++i) time.add(8'192, 8'192 * 20ns);
  for (int i = 0; i < 60; ++i) time.add(1, 1ms);
  EXPECT_LE(time.tasks_in(4ms), 10u);
}

TEST(task_time, takes_times_that_are_none) {
  task_time time;
  time.add(3, 0ns);
  time.add(1, -5s);
  EXPECT_GE(time.mean(), 1ns);
}

}  // namespace
