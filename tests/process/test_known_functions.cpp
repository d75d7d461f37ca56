// The functions that a pool's workers are told of: one number for each, for as long as anybody uses it and a while
// longer.

#include "process/pool/known_functions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace known_function_tests {

using fanout::detail::known_functions;

TEST(known_functions, have_one_number_for_all_who_use_the_same) {
  known_functions known;
  const std::uint32_t first = known.acquire({"f", "a"});
  EXPECT_GT(first, 0u);
  EXPECT_EQ(known.acquire({"f", "a"}), first);
  EXPECT_NE(known.acquire({"f", "b"}), first) << "another context";
  EXPECT_NE(known.acquire({"g", "a"}), first);
  EXPECT_EQ(known.at(first).name, "f");
  EXPECT_EQ(known.at(first).context, "a");
}

TEST(known_functions, keep_their_number_for_a_while_after_use) {
  known_functions known;
  const std::uint32_t number = known.acquire({"f", ""});
  EXPECT_EQ(known.release(number), std::nullopt);
  EXPECT_EQ(known.acquire({"f", ""}), number);
}

TEST(known_functions, are_forgotten_the_longest_unused_first_and_no_number_comes_twice) {
  known_functions known;
  std::set<std::uint32_t> forgotten;
  for (int i = 0; i < 200; ++i) {
    const std::uint32_t number = known.acquire({"f", std::to_string(i)});
    EXPECT_FALSE(forgotten.contains(number));
    const auto gone = known.release(number);
    if (!gone) continue;
    EXPECT_LT(*gone, number);
    EXPECT_TRUE(forgotten.insert(*gone).second);
  }
  EXPECT_GT(forgotten.size(), 100u);
  EXPECT_EQ(*forgotten.begin(), 1u) << "the oldest is among them";
}

TEST(known_functions, are_not_forgotten_while_somebody_uses_them) {
  known_functions known;
  const std::uint32_t kept = known.acquire({"kept", ""});
  known.acquire({"kept", ""});
  EXPECT_EQ(known.release(kept), std::nullopt);
  for (int i = 0; i < 200; ++i) EXPECT_NE(known.release(known.acquire({"f", std::to_string(i)})), kept);
  EXPECT_EQ(known.at(kept).name, "kept");
}

}  // namespace known_function_tests
