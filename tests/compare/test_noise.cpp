#include "compare/measuring/noise.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace fanout::detail {
namespace {

double spread_of_seconds(const std::vector<double>& seconds) {
  noise_meter meter;
  for (const double each : seconds) meter.add(each);
  return meter.spread();
}

TEST(noise, is_half_of_what_lies_between_the_tenth_and_the_ninetieth_of_a_hundred) {
  EXPECT_DOUBLE_EQ(spread_of_seconds({1, 1, 1, 1}), 0);
  std::vector<double> steps;
  for (int i = 0; i <= 100; ++i) steps.push_back(950 + i);  // in any order
  std::swap(steps.front(), steps.back());
  EXPECT_DOUBLE_EQ(spread_of_seconds(steps), 40.0 / 1000);
}

TEST(noise, does_not_take_one_bad_sample_of_many_for_the_machine) {
  std::vector<double> steady(20, 0.01);
  steady.push_back(1);
  EXPECT_DOUBLE_EQ(spread_of_seconds(steady), 0);
}

TEST(noise, is_none_as_long_as_nothing_can_differ) {
  EXPECT_EQ(spread_of_seconds({}), 0);
  EXPECT_EQ(spread_of_seconds({0.5}), 0);
}

}  // namespace
}  // namespace fanout::detail
