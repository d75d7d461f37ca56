#include <fanout/fetch/latency_histogram.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <vector>

namespace {

using fanout::fetch::latency_histogram;
using std::chrono::microseconds;

TEST(latency_histogram, of_none_is_zero) {
  const latency_histogram none;
  EXPECT_EQ(none.percentile(0.5).count(), 0);
  EXPECT_EQ(none.mean().count(), 0);
  EXPECT_EQ(none.max().count(), 0);
}

TEST(latency_histogram, is_exact_below_64_us_and_at_the_end) {
  latency_histogram all;
  for (int i = 1; i <= 60; ++i) all.add(microseconds(i));
  EXPECT_EQ(all.percentile(0.5).count(), 30);
  EXPECT_EQ(all.percentile(1).count(), 60);
  EXPECT_EQ(all.percentile(0).count(), 1);
  all.add(std::chrono::seconds(10));
  EXPECT_EQ(all.percentile(1), std::chrono::seconds(10));
  EXPECT_EQ(all.count(), 61U);
}

TEST(latency_histogram, is_within_a_64th_of_the_sorted_list) {
  std::mt19937_64 generator(1);
  std::lognormal_distribution<double> some(10, 3);
  std::vector<std::int64_t> list;
  latency_histogram all;
  for (int i = 0; i < 100'000; ++i) {
    list.push_back(static_cast<std::int64_t>(some(generator)));
    all.add(microseconds(list.back()));
  }
  std::sort(list.begin(), list.end());
  for (const double share : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
    const auto rank = static_cast<std::size_t>(share * static_cast<double>(list.size()) + 0.999'999) - 1;
    const auto exact = static_cast<double>(list[rank]);
    const auto found = static_cast<double>(all.percentile(share).count());
    EXPECT_GE(found, exact) << share;
    EXPECT_LE(found, exact * (1 + 1.0 / 64) + 1) << share;
  }
}

TEST(latency_histogram, takes_anything) {
  latency_histogram all;
  all.add(std::chrono::nanoseconds(-5));
  all.add(std::chrono::nanoseconds::max());
  EXPECT_EQ(all.percentile(0.5).count(), 0);
  EXPECT_EQ(all.max().count(), INT64_MAX / 1000);
  EXPECT_GT(all.percentile(1), std::chrono::hours(24 * 365));
}

}  // namespace
