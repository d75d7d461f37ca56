// Several coroutines, consumed in the order in which they end.

#include <fanout/async/async.hpp>

#include "async/driving.hpp"
#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <vector>

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using test::census;
using test::run_to_end;

class completing : public test::leak_checked {};

task<std::unique_ptr<int>> worker(census& seen, int turns) {
  task<void> steps = test::counted_steps(seen, turns);
  co_await std::move(steps);
  if (turns == 3) throw std::invalid_argument("three");
  co_return std::make_unique<int>(turns);
}

std::vector<task<std::unique_ptr<int>>> workers(census& seen, const std::vector<int>& turns) {
  std::vector<task<std::unique_ptr<int>>> work;
  for (const int each : turns) work.push_back(worker(seen, each));
  return work;
}

task<std::vector<std::size_t>> order_of(completions<std::unique_ptr<int>>& done) {
  std::vector<std::size_t> order;
  for (;;) {
    auto next = done.next();
    const auto each = co_await std::move(next);
    if (!each) co_return order;
    order.push_back(each->index());
    if (each->ok()) {
      EXPECT_NE(*each->value(), 3);
    } else {
      EXPECT_THROW(each->value(), std::invalid_argument);
    }
  }
}

TEST_F(completing, in_the_order_in_which_they_end_failures_included) {
  census seen;
  EXPECT_THAT(run_to_end(as_completed(workers(seen, {9, 3, 6, 0}), order_of)), testing::ElementsAre(3, 1, 2, 0));
}

TEST_F(completing, of_nothing_is_over_at_once) {
  census seen;
  EXPECT_TRUE(run_to_end(as_completed(workers(seen, {}), order_of)).empty());
}

TEST_F(completing, under_a_limit) {
  census seen;
  EXPECT_THAT(run_to_end(as_completed(workers(seen, {9, 1, 1, 0}), order_of, concurrency_limit(1))),
              testing::ElementsAre(0, 1, 2, 3));
}

TEST_F(completing, leaving_early_cancels_and_awaits_the_rest) {
  census seen;
  const int first =
      run_to_end(as_completed(workers(seen, {50, 2, 60}), [](completions<std::unique_ptr<int>>& done) -> task<int> {
        auto next = done.next();
        const auto each = co_await std::move(next);
        co_return *each->value();
      }));
  EXPECT_EQ(first, 2);
  EXPECT_EQ(seen.cancelled, 2);
  EXPECT_EQ(seen.alive, 0);
}

TEST_F(completing, a_body_that_throws_cancels_and_awaits_the_rest) {
  census seen;
  EXPECT_THROW(run_to_end(as_completed(workers(seen, {50, 60}),
                                       [](completions<std::unique_ptr<int>>&) -> task<void> {
                                         throw std::out_of_range("body");
                                         co_return;
                                       })),
               std::out_of_range);
  EXPECT_EQ(seen.cancelled, 2);
}

task<void> completing_scenario(census& seen) {
  auto all = as_completed(workers(seen, {2, 1, 4}), order_of, concurrency_limit(2));
  const auto order = co_await std::move(all);
  EXPECT_EQ(order.size(), 3U);
}

TEST_F(completing, cancelled_at_every_step) {
  test::cancel_at_every_step(completing_scenario);
}

TEST_F(completing, destroyed_at_every_step) {
  test::destroy_at_every_step(completing_scenario);
}

}  // namespace
