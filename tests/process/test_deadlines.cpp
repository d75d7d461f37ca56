// Which workers are over a time limit, without a process and without waiting.

#include "process/supervised.hpp"
#include "process/supervisor/deadlines.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace deadline_tests {

using namespace fanout;
using namespace fanout::detail;
using namespace std::chrono_literals;
using clock = deadline_rules::clock;
using test::some_tasks;

TEST(deadlines, are_checked_at_a_fraction_of_the_shortest_limit) {
  deadline_rules rules(1);
  EXPECT_FALSE(rules.cover(1h));
  rules.note(160ms, clock::now());
  EXPECT_EQ(rules.pause(), 20ms);
  EXPECT_TRUE(rules.cover(160ms));
  EXPECT_TRUE(rules.cover(1s));
  EXPECT_FALSE(rules.cover(80ms)) << "the next check is too far away";
  rules.note(80ms, clock::now());
  EXPECT_EQ(rules.pause(), 10ms);
  rules.note(1ns, clock::now());
  EXPECT_EQ(rules.pause(), 2ms);
  rules.rest();
  EXPECT_FALSE(rules.cover(1h));
  rules.note(1h, clock::now());
  EXPECT_EQ(rules.pause(), 50ms);
}

class one_worker : public testing::Test {
 protected:
  one_worker() { worker.said_hello(); }
  void hand_over(std::uint32_t count, std::chrono::nanoseconds limit) {
    worker.tasks.add(some_tasks(0, count, 4, {.function = 0, .limit = limit}));
    if (!rules.cover(limit)) rules.note(limit, now);
  }
  bool over_after(std::chrono::nanoseconds pause) {
    now += pause;
    rules.begin_check(now);
    return rules.over(worker);
  }

  deadline_rules rules{2};
  worker_record worker{0, 2};
  clock::time_point now = clock::now();
};

TEST_F(one_worker, is_over_the_limit_of_a_blocking_task) {
  hand_over(2, 100s);
  test::start_tasks(worker, 2);
  test::lane_is_at(worker, 1, 1, now);
  EXPECT_FALSE(over_after(90s));
  EXPECT_TRUE(over_after(20s));
  EXPECT_FALSE(worker.overdue(0)) << "it may be a coroutine that waits";
  EXPECT_TRUE(worker.overdue(1));
  EXPECT_FALSE(over_after(100s)) << "it is being killed";
}

TEST_F(one_worker, may_take_as_long_as_it_likes_without_a_limit) {
  hand_over(1, 0ns);
  test::start_tasks(worker, 1);
  test::lane_is_at(worker, 0, 0, now);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(over_after(50ms));
}

TEST_F(one_worker, is_not_over_for_a_task_that_is_finished_or_unknown) {
  hand_over(2, 10ms);
  test::start_tasks(worker, 1);
  worker.tasks.finish(*worker.tasks.batch_of(0), 0, 1);
  test::lane_is_at(worker, 0, 0, now);
  test::lane_is_at(worker, 1, 77, now);
  EXPECT_FALSE(over_after(1s));
}

/// Checks as they come until it is over. Returns how much time they saw.
std::chrono::nanoseconds time_to_be_over(deadline_rules& rules, worker_record& worker, clock::time_point now) {
  std::chrono::nanoseconds seen{0};
  for (int i = 0; i < 10'000; ++i) {
    now += rules.pause();
    seen += rules.pause();
    rules.begin_check(now);
    if (rules.over(worker)) return seen;
  }
  return {};
}

TEST_F(one_worker, that_does_not_end_a_coroutine_itself_is_stuck_after_its_limit_and_a_grace) {
  hand_over(3, 400ms);
  test::start_tasks(worker, 2);
  const auto seen = time_to_be_over(rules, worker, now);
  EXPECT_GE(seen, 400ms + deadline_rules::stuck_grace);
  EXPECT_LE(seen, 600ms + deadline_rules::stuck_grace);
  ASSERT_TRUE(worker.overdue_tasks);
  EXPECT_TRUE(worker.overdue(0));
  EXPECT_TRUE(worker.overdue(1)) << "it had been started long enough ago, too";
  EXPECT_FALSE(worker.overdue(2)) << "it was not started";
}

TEST_F(one_worker, that_ends_its_oldest_task_is_not_stuck) {
  hand_over(3, 400ms);
  test::start_tasks(worker, 3);
  const auto checks = (deadline_rules::stuck_grace + 300ms) / rules.pause();
  for (int i = 0; i < checks; ++i) ASSERT_FALSE(over_after(rules.pause()));
  worker.tasks.finish(*worker.tasks.batch_of(0), 0, 1);
  for (int i = 0; i < checks; ++i) ASSERT_FALSE(over_after(rules.pause()));
}

TEST_F(one_worker, is_not_to_blame_for_time_in_which_nobody_looked) {
  hand_over(1, 400ms);
  test::start_tasks(worker, 1);
  EXPECT_FALSE(over_after(1h));
  EXPECT_FALSE(over_after(1h));
}

TEST_F(one_worker, that_is_not_ready_has_not_begun) {
  worker_record early(1, 2);
  early.tasks.add(some_tasks(0, 1, 4, {.function = 0, .limit = 100ms}));
  rules.note(100ms, now);
  EXPECT_EQ(time_to_be_over(rules, early, now).count(), 0);
}

}  // namespace deadline_tests
