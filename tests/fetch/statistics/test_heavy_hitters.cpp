#include <fanout/fetch/heavy_hitters.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <random>
#include <stdexcept>
#include <string>

namespace {

using fanout::fetch::heavy_hitters;

TEST(heavy_hitters, are_exact_while_there_are_places) {
  heavy_hitters all(3);
  all.add("a", 5);
  all.add("b", 1, true);
  all.add("a", 2, true);
  all.add("c", 4);
  const auto two = all.largest(2);
  ASSERT_EQ(two.size(), 2U);
  EXPECT_EQ(two[0].name, "a");
  EXPECT_EQ(two[0].weight, 7U);
  EXPECT_EQ(two[0].count, 2U);
  EXPECT_EQ(two[0].flagged, 1U);
  EXPECT_EQ(two[0].excess, 0U);
  EXPECT_EQ(two[1].name, "c");
}

TEST(heavy_hitters, a_name_without_a_place_takes_that_of_the_lightest) {
  heavy_hitters all(2);
  all.add("a", 5);
  all.add("b", 1);
  all.add("c", 1);
  const auto two = all.largest(2);
  EXPECT_EQ(two[1].name, "c");
  EXPECT_EQ(two[1].weight, 2U);
  EXPECT_EQ(two[1].excess, 1U);
  EXPECT_EQ(two[1].own(), 1U);
  EXPECT_THROW(heavy_hitters(0), std::invalid_argument);
}

// The promises of the algorithm, against counts that are exact.
TEST(heavy_hitters, every_heavy_name_is_among_them_and_its_weight_is_within_its_excess) {
  std::mt19937 generator(7);
  std::geometric_distribution<int> some(0.02);
  heavy_hitters all(40);
  std::map<std::string, std::uint64_t> exact;
  std::uint64_t total = 0;
  for (int i = 0; i < 50'000; ++i) {
    // One name of two is never seen again.
    const std::string name = i % 2 == 0 ? "once" + std::to_string(i) : "host" + std::to_string(some(generator));
    const std::uint64_t weight = 1 + static_cast<std::uint64_t>(i % 7);
    all.add(name, weight);
    exact[name] += weight;
    total += weight;
  }
  const auto found = all.largest(1'000);
  EXPECT_EQ(found.size(), 40U);
  std::map<std::string, std::uint64_t> weights;
  for (const auto& each : found) {
    EXPECT_GE(each.weight, exact[each.name]) << each.name;
    EXPECT_LE(each.own(), exact[each.name]) << each.name;
    weights[each.name] = each.weight;
  }
  for (const auto& [name, weight] : exact)
    EXPECT_TRUE(weight <= total / 40 || weights.contains(name)) << name << " " << weight;
}

}  // namespace
