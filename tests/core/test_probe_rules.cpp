#include "core/probe_rules.hpp"

#include <gtest/gtest.h>

#include <ostream>

// What `automatic` concludes from what it measured, with figures in place of clocks.
namespace fanout::detail {

void PrintTo(loops_judged judged, std::ostream* out) {
  static constexpr const char* names[] = {"unclear", "apart", "by turns", "clouded"};
  *out << names[static_cast<std::size_t>(judged)];
}

namespace {

using namespace std::chrono_literals;

/// Two loops, looked at for `wall`; `computing` and `holding` are shares of that time of both together.
loops_seen two_loops(std::chrono::milliseconds wall, double holding, double computing, std::uint64_t tasks = 20) {
  const auto part = [&](double share) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(wall * 2 * share);
  };
  return {
      .loops = 2, .tasks = tasks, .wall = wall, .had = wall * 2, .computed = part(computing), .held = part(holding)};
}

TEST(loops, that_tasks_hold_while_one_computes_are_by_turns) {
  EXPECT_EQ(judge(two_loops(200ms, 1, 0.5)), loops_judged::by_turns);
  EXPECT_EQ(judge(two_loops(200ms, 0.8, 0.3)), loops_judged::by_turns);
}

TEST(loops, that_compute_are_apart_which_is_said_at_the_end) {
  for (const double computing : {0.7, 0.9, 1.0}) {
    SCOPED_TRACE(computing);
    EXPECT_EQ(judge(two_loops(200ms, 1, computing)), loops_judged::unclear);  // one may get the lock later
    EXPECT_EQ(judge(two_loops(999ms, 1, computing)), loops_judged::unclear);
    EXPECT_EQ(judge(two_loops(1000ms, 1, computing)), loops_judged::apart);
  }
}

TEST(loops, that_are_free_to_take_turns_are_apart_however_little_they_compute) {
  EXPECT_EQ(judge(two_loops(500ms, 0.5, 0.2)), loops_judged::unclear);
  EXPECT_EQ(judge(two_loops(1000ms, 0.5, 0.2)), loops_judged::apart);
}

TEST(loops, that_compute_for_nearly_more_than_one_could_are_looked_at_for_longer) {
  EXPECT_EQ(judge(two_loops(400ms, 1, 0.6)), loops_judged::unclear);
  EXPECT_EQ(judge(two_loops(1000ms, 1, 0.6)), loops_judged::by_turns);
  EXPECT_EQ(judge(two_loops(1000ms, 1, 0.68)), loops_judged::apart);
}

TEST(loops, whose_tasks_have_hardly_ended_are_looked_at_for_longer) {
  EXPECT_EQ(judge(two_loops(400ms, 1, 0.5, 3)), loops_judged::unclear);
  EXPECT_EQ(judge(two_loops(400ms, 1, 0.5, 4)), loops_judged::by_turns);
  EXPECT_EQ(judge(two_loops(1000ms, 1, 0.5, 0)), loops_judged::by_turns);
}

TEST(loops, are_judged_by_the_time_they_had_a_core_for) {
  loops_seen seen = two_loops(1000ms, 1, 0.48);
  seen.had = 1000ms;  // others had the rest
  EXPECT_DOUBLE_EQ(seen.computing(), 0.96);
  EXPECT_EQ(judge(seen), loops_judged::clouded);
  seen.had = 299ms;  // less than three quarters of a period each says nothing
  EXPECT_EQ(judge(seen), loops_judged::unclear);
}

// One that is woken for a lock, and finds it taken when it gets a core, has waited for a core the whole time.
TEST(loops, that_seem_apart_while_others_have_the_cores_are_looked_at_anew) {
  loops_seen seen = two_loops(1000ms, 1, 0.7);
  seen.had = 1790ms;
  EXPECT_EQ(judge(seen), loops_judged::clouded);
  seen.had = 1810ms;
  EXPECT_EQ(judge(seen), loops_judged::apart);
  seen = two_loops(1000ms, 0.5, 0.2);  // they are free to take turns, whoever has the cores
  seen.had = 1000ms;
  EXPECT_EQ(judge(seen), loops_judged::apart);

  const loops_seen before = two_loops(1000ms, 1, 0.9, 20);
  loops_seen all = two_loops(2000ms, 1, 0.7, 50);
  const loops_seen anew = all.since(before);
  EXPECT_EQ(anew.wall, 1000ms);
  EXPECT_EQ(anew.tasks, 30U);
  EXPECT_DOUBLE_EQ(anew.computing(), 0.5);
  EXPECT_DOUBLE_EQ(anew.holding(), 1);
  EXPECT_EQ(judge(anew), loops_judged::by_turns);
}

TEST(loops, that_did_nothing_yet_have_shares_of_nothing) {
  EXPECT_EQ(loops_seen().computing(), 0);
  EXPECT_EQ(loops_seen().holding(), 0);
  EXPECT_EQ(judge(loops_seen()), loops_judged::unclear);
}

TEST(threads, compute_wait_or_may_wait_for_the_one_that_computes) {
  EXPECT_EQ(judge(threads_seen{.lanes = 2, .computing = 0.95, .wanted_cores = 1.9}), threads_judged::compute);
  EXPECT_EQ(judge(threads_seen{.lanes = 2, .computing = 0.5, .wanted_cores = 1}), threads_judged::perhaps_by_turns);
  EXPECT_EQ(judge(threads_seen{.lanes = 2, .computing = 0.2, .wanted_cores = 0.4}), threads_judged::wait);
  EXPECT_EQ(judge(threads_seen{.lanes = 16, .computing = 0.06, .wanted_cores = 1}), threads_judged::perhaps_by_turns);
  EXPECT_EQ(judge(threads_seen{.lanes = 16, .computing = 0.01, .wanted_cores = 0.2}), threads_judged::wait);
}

TEST(threads, that_wanted_a_core_which_others_had_may_wait_for_each_other) {
  EXPECT_EQ(judge(threads_seen{.lanes = 2, .computing = 0.2, .wanted_cores = 1}), threads_judged::perhaps_by_turns);
}

TEST(threads, one_alone_waits_for_no_other) {
  EXPECT_EQ(judge(threads_seen{.lanes = 1, .computing = 0.65, .wanted_cores = 0.65}), threads_judged::wait);
}

TEST(travel, is_worth_it_for_at_most_half_of_what_a_task_takes) {
  EXPECT_TRUE(worth_serializing(25us, 100us));
  EXPECT_FALSE(worth_serializing(26us, 100us));
  EXPECT_TRUE(worth_serializing(0ns, 0ns));
}

}  // namespace
}  // namespace fanout::detail
