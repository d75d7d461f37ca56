#include <fanout/core/map.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <list>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

namespace fanout {
namespace {

using testing::ElementsAre;

int squared(int x) {
  return x * x;
}
int refuses_three_and_five(int x) {
  if (x == 3 || x == 5) throw std::domain_error(std::to_string(x));
  return x;
}

TEST(map, has_its_results_in_the_order_of_the_inputs) {
  EXPECT_THAT(map(threads(3), squared, {1, 2, 3, 4}), ElementsAre(1, 4, 9, 16));
  EXPECT_THAT(map(sync(), squared, std::list{2, 3}), ElementsAre(4, 9));
  EXPECT_THAT(map(sync(), squared, std::views::iota(0, 3)), ElementsAre(0, 1, 4));
  EXPECT_TRUE(map(sync(), squared, std::vector<int>()).empty());
}

TEST(map, takes_results_that_can_only_be_moved) {
  const auto all = map(threads(2), [](int x) { return std::make_unique<int>(x); }, {1, 2});
  EXPECT_EQ(*all.at(1), 2);
}

TEST(map, throws_the_failure_that_ended_the_run_or_the_first_in_order) {
  EXPECT_THROW(map(sync(), refuses_three_and_five, {1, 2, 3}), std::domain_error);
  options all = threads(4);
  all.on_error = on_error::collect;
  for (int i = 0; i < 20; ++i) {
    try {
      map(all, refuses_three_and_five, {5, 1, 3, 2});
      FAIL();
    } catch (const std::domain_error& first) {
      EXPECT_STREQ(first.what(), "5");
    }
  }
}

TEST(map, that_was_stopped_says_so) {
  std::stop_source stop;
  options how = sync();
  how.stop = stop.get_token();
  stop.request_stop();
  try {
    map(how, squared, {1});
    FAIL();
  } catch (const error& thrown) {
    EXPECT_EQ(thrown.kind(), failure_kind::cancelled);
  }
}

TEST(map, of_outcomes_has_failures_in_their_places) {
  options all = threads(2);
  all.on_error = on_error::collect;
  const auto outcomes = map_outcomes(all, refuses_three_and_five, {1, 3, 4});
  ASSERT_EQ(outcomes.size(), 3U);
  EXPECT_EQ(outcomes[0].value(), 1);
  EXPECT_EQ(outcomes[1].error().message, "3");
  EXPECT_EQ(outcomes[2].index, 2U);
}

TEST(for_each_completed, hands_over_each_outcome_once) {
  std::vector<int> seen(100);
  const report cost = for_each_completed(threads(3), squared, std::views::iota(0, 100),
                                         [&](const outcome<int>& out) { ++seen.at(out.index); });
  EXPECT_THAT(seen, testing::Each(1));
  EXPECT_EQ(cost.tasks, 100U);
}

}  // namespace
}  // namespace fanout
