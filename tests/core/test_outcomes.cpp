#include <fanout/core/outcomes.hpp>

#include "support/tasks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace fanout {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

static_assert(std::ranges::input_range<outcome_range<int>>);
static_assert(std::movable<outcome_range<int>>);

int doubled(int x) {
  return 2 * x;
}
int third_fails(int x) {
  if (x == 3) throw std::domain_error("three");
  return x;
}
options collecting(const shape& how) {
  options with = how;
  with.on_error = on_error::collect;
  return with;
}

TEST(outcomes, come_one_by_one_and_with_what_the_run_cost) {
  auto all = outcomes(threads(2), doubled, {1, 2, 3});
  std::vector<int> values;
  EXPECT_FALSE(all.report());
  while (auto got = all.next()) values.push_back(got->value());
  EXPECT_THAT(values, UnorderedElementsAre(2, 4, 6));
  ASSERT_TRUE(all.report());
  EXPECT_EQ(all.report()->tasks, 3u);
  EXPECT_FALSE(all.next());  // and stays at its end
}

TEST(outcomes, are_a_range_that_views_take) {
  std::vector<int> values;
  for (const outcome<int>& got : outcomes(sync(), doubled, std::vector{1, 2, 3})) values.push_back(got.value());
  EXPECT_THAT(values, ElementsAre(2, 4, 6));

  auto all = outcomes(sync(), doubled, std::views::iota(0));  // has no end
  values.clear();
  for (const outcome<int>& got : all | std::views::take(3)) values.push_back(got.value());
  EXPECT_THAT(values, ElementsAre(0, 2, 4));
}

TEST(outcomes, of_coroutines_come_as_they_complete) {
  std::vector<int> values;
  for (const auto& got : outcomes(async(4), test::echo, std::vector{1, 2, 3})) values.push_back(got.value());
  EXPECT_THAT(values, UnorderedElementsAre(1, 2, 3));
}

TEST(outcomes, have_the_failures_among_them) {
  int failures = 0;
  int count = 0;
  for (const auto& got : outcomes(collecting(threads(2)), third_fails, {1, 2, 3, 4})) {
    ++count;
    if (got) continue;
    ++failures;
    EXPECT_EQ(got.error().message, "three");
    EXPECT_THROW(got.value(), std::domain_error);
  }
  EXPECT_EQ(count, 4);
  EXPECT_EQ(failures, 1);
}

// The source counts how far it was pulled: what is taken, in the queue, and under way.
TEST(outcomes, that_nobody_takes_hold_up_the_run) {
  std::atomic<int> pulled = 0;
  const auto endless = [&]() -> std::optional<int> { return ++pulled; };
  auto all = outcomes(threads(2), doubled, endless);
  for (int taken = 1; taken <= 300; ++taken) {
    ASSERT_TRUE(all.next());
    ASSERT_LE(pulled, taken + 64 + 2 + 2);
  }
}

TEST(outcomes, that_are_left_stop_their_run) {
  std::atomic<int> under_way = 0;
  const auto wait_for_the_end = [&](int x, const std::stop_token& stop) {
    ++under_way;
    while (x > 0 && !stop.stop_requested()) std::this_thread::yield();
    --under_way;
    return x;
  };
  {
    auto all = outcomes(threads(3), wait_for_the_end, std::views::iota(0));
    EXPECT_EQ(all.next()->value(), 0);
  }
  EXPECT_EQ(under_way, 0);
}

// Each slot of the queue is full when its range goes, and lanes wait in their sink.
TEST(outcomes, that_fill_the_queue_and_are_left_stop_their_run) {
  for (int i = 0; i < 50; ++i) {
    auto all = outcomes(threads(3), doubled, std::views::iota(0));
    if (i % 2) {
      EXPECT_TRUE(all.next());
    }
    if (i % 3 == 0)
      while (true) {  // until the run stands still
        const auto got = all.next();
        ASSERT_TRUE(got);
        if (got->index > 200) break;
      }
  }
}

TEST(outcomes, of_a_run_that_is_stopped_end) {
  std::stop_source stop;
  options how = threads(2);
  how.stop = stop.get_token();
  auto all = outcomes(how, doubled, std::views::iota(0));
  ASSERT_TRUE(all.next());
  stop.request_stop();
  int left = 0;
  while (all.next()) ++left;
  EXPECT_LE(left, 64 + 4);
  EXPECT_TRUE(all.report()->stopped);
}

TEST(outcomes, throw_what_the_run_throws_where_they_are_pulled_and_once) {
  int given = 0;
  auto broken = [&]() -> std::optional<int> {
    if (++given == 3) throw std::out_of_range("no more");
    return given;
  };
  auto all = outcomes(sync(), doubled, broken);
  EXPECT_TRUE(all.next());
  EXPECT_TRUE(all.next());
  EXPECT_THROW((void)all.next(), std::out_of_range);
  EXPECT_FALSE(all.next());

  auto refused = outcomes(async(4), doubled, {1, 2});  // a blocking task in flight four times on a lane
  EXPECT_THROW((void)refused.next(), std::invalid_argument);
}

TEST(outcomes, keep_inputs_given_as_rvalues_and_move_with_their_range) {
  std::vector<int> values;
  auto all = outcomes(
      threads(2), [](std::vector<int> x) { return x.at(0); },
      [] {
        std::vector<std::vector<int>> inputs;
        for (int i = 0; i < 100; ++i) inputs.push_back({i});
        return inputs;
      }());
  auto moved = std::move(all);
  for (const auto& got : moved) values.push_back(got.value());
  EXPECT_EQ(values.size(), 100u);
}

}  // namespace
}  // namespace fanout
