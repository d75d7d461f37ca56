#include "compare/verdict/order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace fanout::detail {
namespace {

comparison_row ran(std::vector<int> ms) {
  comparison_row row;
  for (const int each : ms) row.walls.emplace_back(std::chrono::milliseconds(each));
  std::ranges::sort(ms);
  row.cost.wall = std::chrono::milliseconds(ms[(ms.size() - 1) / 2]);
  return row;
}

comparison with_noise(double noise, work_kind kind = work_kind::cpu_bound) {
  comparison all;
  all.noise = noise;
  all.kind = kind;
  return all;
}

TEST(order, runs_that_do_not_overlap_are_in_order) {
  EXPECT_EQ(order_of(with_noise(0.01), ran({100, 101, 102}), ran({110, 111, 112})), order::slower);
  EXPECT_EQ(order_of(with_noise(0.01), ran({100, 101, 112}), ran({109, 110, 111})), order::unclear);
}

TEST(order, the_slowest_of_five_may_be_left_out) {
  EXPECT_EQ(order_of(with_noise(0.01), ran({100, 101, 100, 101, 500}), ran({110, 111, 112, 111, 112})), order::slower);
  EXPECT_EQ(order_of(with_noise(0.01), ran({100, 101, 100, 500}), ran({110, 111, 112, 111})), order::unclear);
}

TEST(order, a_difference_below_the_noise_is_a_tie) {
  const auto quick = ran({100, 101, 102});
  EXPECT_EQ(order_of(with_noise(0.15), quick, ran({110, 111, 112})), order::tie);
  EXPECT_EQ(order_of(with_noise(0.0), quick, ran({102, 102, 102})), order::tie) << "practically equal";
  EXPECT_EQ(order_of(with_noise(0.15, work_kind::io_bound), quick, ran({110, 111, 112})), order::slower)
      << "noise of computing does not matter to work that waits";
}

TEST(order, noise_makes_no_tie_of_a_difference_above_a_fifth) {
  EXPECT_EQ(order_of(with_noise(0.9), ran({100, 101, 102}), ran({125, 126, 127})), order::slower);
  EXPECT_EQ(order_of(with_noise(0.9), ran({60, 100, 140}), ran({100, 130, 140})), order::unclear);
}

TEST(order, one_run_is_enough_for_a_large_difference) {
  EXPECT_EQ(order_of(with_noise(0.1), ran({100}), ran({130})), order::unclear);
  EXPECT_EQ(order_of(with_noise(0.1), ran({100}), ran({170})), order::slower);
}

TEST(order, more_rounds_help_unclear_rows_and_ties_that_vary) {
  const auto all = with_noise(0.01);
  EXPECT_TRUE(is_settled(all, ran({100, 101, 102}), ran({110, 111, 112})));
  EXPECT_TRUE(is_settled(all, ran({100, 101, 102}), ran({101, 102, 103})));
  EXPECT_TRUE(is_settled(all, ran({100, 101, 900}), ran({310, 311, 312}))) << "three times as long is enough";
  EXPECT_FALSE(is_settled(all, ran({100, 101, 130}), ran({110, 111, 112})));
  EXPECT_FALSE(is_settled(all, ran({80, 101, 102}), ran({99, 102, 103})));
}

TEST(order, spread_is_that_of_the_quicker_half) {
  EXPECT_NEAR(spread_of(ran({90, 100, 1000})), 0.1, 1e-9);
  EXPECT_EQ(spread_of(ran({100})), 0);
}

}  // namespace
}  // namespace fanout::detail
