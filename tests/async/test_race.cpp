// Several coroutines, of which one is enough.

#include <fanout/async/async.hpp>

#include "async/driving.hpp"
#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using test::census;
using test::run_to_end;

class racing : public test::leak_checked {};

/// Ends with `value` after some turns; negative: fails.
task<int> runner(census& seen, int turns, int value) {
  task<void> steps = test::counted_steps(seen, turns);
  co_await std::move(steps);
  if (value < 0) throw std::invalid_argument("runner " + std::to_string(value));
  co_return value;
}

std::vector<task<int>> runners(census& seen, std::vector<std::pair<int, int>> turns_and_values) {
  std::vector<task<int>> work;
  for (const auto& [turns, value] : turns_and_values) work.push_back(runner(seen, turns, value));
  return work;
}

TEST_F(racing, the_first_to_finish_wins_and_the_rest_is_cancelled_and_awaited) {
  census seen;
  const auto winner = run_to_end(race_to_finish(runners(seen, {{50, 1}, {2, 2}, {60, 3}})));
  EXPECT_EQ(winner.index, 1U);
  EXPECT_EQ(winner.value, 2);
  EXPECT_EQ(seen.cancelled, 2);
  EXPECT_EQ(seen.alive, 0);
}

TEST_F(racing, the_first_to_finish_may_do_so_by_failing) {
  census seen;
  EXPECT_THROW(run_to_end(race_to_finish(runners(seen, {{50, 1}, {2, -2}}))), std::invalid_argument);
  EXPECT_EQ(seen.cancelled, 1);
}

TEST_F(racing, the_first_to_succeed_leaves_failures_behind) {
  census seen;
  const auto winner = run_to_end(race_to_succeed(runners(seen, {{0, -1}, {50, 5}, {4, 6}, {1, -2}})));
  EXPECT_EQ(winner.index, 2U);
  EXPECT_EQ(winner.value, 6);
  EXPECT_EQ(seen.cancelled, 1);
}

TEST_F(racing, when_all_fail_their_failures_are_thrown_together) {
  census seen;
  try {
    run_to_end(race_to_succeed(runners(seen, {{3, -1}, {0, -2}, {6, -3}})));
    FAIL();
  } catch (const exception_group& thrown) {
    EXPECT_STREQ(thrown.what(), "3 failures: [1] runner -2; [2] runner -1; [3] runner -3");
  }
}

TEST_F(racing, a_limit_lets_the_next_begin_when_one_has_failed) {
  census seen;
  const auto winner =
      run_to_end(race_to_succeed(runners(seen, {{0, -1}, {0, -2}, {1, 3}, {0, 4}}), concurrency_limit(1)));
  EXPECT_EQ(winner.index, 2U);
  EXPECT_EQ(seen.begun, 3) << "the fourth was not needed";
}

TEST_F(racing, nobody_has_no_winner) {
  EXPECT_THROW(run_to_end(race_to_finish(std::vector<task<int>>())), std::invalid_argument);
  EXPECT_THROW(run_to_end(race_to_succeed(std::vector<task<void>>())), std::invalid_argument);
  EXPECT_THROW(concurrency_limit(0), std::invalid_argument);
}

task<std::unique_ptr<std::string>> words() {
  task<void> turn = yield();
  co_await std::move(turn);
  co_return std::make_unique<std::string>("words");
}

TEST_F(racing, of_different_types_gives_a_variant_that_says_who) {
  census seen;
  const auto won = run_to_end(race_to_finish(test::counted_sleep(seen), words(), runner(seen, 9, 1)));
  ASSERT_EQ(won.index(), 1U);
  EXPECT_EQ(*std::get<1>(won), "words");
  const auto first = run_to_end(race_to_succeed(runner(seen, 1, -1), test::counted_steps(seen, 2)));
  EXPECT_EQ(first.index(), 1U);
  EXPECT_EQ(seen.alive, 0);
}

task<void> finish_scenario(census& seen) {
  auto race = race_to_finish(runners(seen, {{5, 1}, {5, 2}, {5, 3}}));
  const auto winner = co_await std::move(race);
  EXPECT_EQ(winner.value, 1);
}

task<void> succeed_scenario(census& seen) {
  auto race = race_to_succeed(runners(seen, {{2, -1}, {4, 2}}), concurrency_limit(1));
  const auto winner = co_await std::move(race);
  EXPECT_EQ(winner.value, 2);
}

TEST_F(racing, cancelled_at_every_step) {
  test::cancel_at_every_step(succeed_scenario);
}

TEST_F(racing, destroyed_at_every_step) {
  test::destroy_at_every_step(finish_scenario);
  test::destroy_at_every_step(succeed_scenario);
}

}  // namespace
