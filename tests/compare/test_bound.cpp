#include "compare/verdict/bound.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fanout::detail {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

/// Of tasks whose CPU time was all of the run's.
workload_run measured(std::vector<std::chrono::nanoseconds> taken, std::vector<std::chrono::nanoseconds> computed) {
  workload_run done;
  for (const auto cpu : computed) done.cost.cpu_user += std::max(cpu, 0ns);
  done.taken = std::move(taken);
  done.computed = std::move(computed);
  return done;
}

TEST(bound, there_is_none_before_the_first_run) {
  EXPECT_FALSE(bound_finder().find(2, 2));
}

TEST(bound, is_the_slowest_task_each_at_its_quickest) {
  bound_finder finder(0.01);
  finder.look_at(measured({400ms, 100ms}, {4ms, 4ms}));
  finder.look_at(measured({300ms, 150ms}, {4ms, 4ms}));
  const auto found = finder.find(2, 2);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->wall, 300ms);
  EXPECT_EQ(found->task, 300ms);
  EXPECT_EQ(found->in_turn, 400ms);
  EXPECT_EQ(found->cpu, 4ms);
  EXPECT_EQ(found->task_cpu, 4ms);
  EXPECT_EQ(found->why, "the slowest task took at least this long in every run");
}

TEST(bound, of_tasks_that_compute_is_their_cpu_time_over_the_cores) {
  bound_finder finder(1);
  finder.look_at(measured({600ms, 600ms, 600ms}, {300ms, 310ms, 320ms}));  // next to each other, on a part of a core
  finder.look_at(measured({650ms, 650ms, 650ms}, {310ms, 300ms, 300ms}));
  const auto found = finder.find(3, 2);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->task, 300ms) << "what they take with a core to themselves";
  EXPECT_EQ(found->wall, 450ms);
  EXPECT_THAT(found->why, HasSubstr("3 tasks need 0.300 s of CPU time each (the least measured), and there are 2 "
                                    "cores"));
}

TEST(bound, of_uneven_tasks_that_compute_says_their_range_and_sum) {
  bound_finder finder(1);
  finder.look_at(measured({110ms, 600ms, 700ms}, {100ms, 500ms, 600ms}));
  EXPECT_THAT(finder.find(3, 1)->why,
              HasSubstr("3 tasks need 0.100 to 0.600 s of CPU time each, 1.200 s in total (the least measured), and "
                        "there is 1 core"));
}

TEST(bound, of_tasks_that_nobody_saw_apart_says_their_average) {
  bound_finder finder(1);
  workload_run together = measured({300ms, 300ms}, {-1ns, -1ns});
  together.cost.cpu_user = 700ms;
  finder.look_at(together);
  EXPECT_THAT(finder.find(2, 1)->why, HasSubstr("2 tasks need 0.350 s of CPU time each on average (the least"));
}

TEST(bound, of_one_task_says_what_it_needs) {
  bound_finder finder(1);
  workload_run run = measured({300ms}, {-1ns});
  run.cost.cpu_user = 700ms;  // it has threads of its own
  finder.look_at(run);
  EXPECT_THAT(finder.find(1, 2)->why, HasSubstr("1 task needs 0.700 s of CPU time (the least measured)"));
}

TEST(bound, a_task_whose_cpu_time_is_not_known_counts_with_all_of_its_run) {
  bound_finder finder(1);
  finder.look_at(measured({100ms, 100ms}, {80ms, -1ns}));
  finder.look_at(measured({100ms, 100ms}, {90ms, -1ns}));
  const auto found = finder.find(2, 1);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->cpu, 80ms) << "that of the run which used least";
  EXPECT_EQ(found->task, 100ms);
}

TEST(bound, of_the_shapes_compared_has_its_places) {
  bound_finder finder(0);
  finder.look_at(measured({100ms, 100ms, 100ms, 100ms}, {-1ns, -1ns, -1ns, -1ns}));
  finder.allow(sync());
  finder.allow(async(2));
  EXPECT_EQ(finder.find(4, 2)->places, 2U);
  EXPECT_EQ(finder.find(4, 2)->in_flight, 200ms);
  finder.allow(automatic());  // may take as many as it likes
  EXPECT_EQ(finder.find(4, 2)->places, 0U);
  EXPECT_EQ(finder.find(4, 2)->in_flight, 0ns);
}

}  // namespace
}  // namespace fanout::detail
