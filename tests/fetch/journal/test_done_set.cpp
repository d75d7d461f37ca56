#include <fanout/fetch/done_set.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <set>

namespace {

using fanout::fetch::done_set;

TEST(done_set, is_a_set) {
  done_set done;
  std::set<std::uint64_t> model;
  std::mt19937_64 random(2);
  for (int step = 0; step < 200'000; ++step) {
    const std::uint64_t index = random() % 2 == 0 ? random() % 70'000 : (std::uint64_t{1} << 47) + random() % 40'000;
    if (random() % 4 != 0)
      ASSERT_EQ(done.insert(index), model.insert(index).second);
    else
      ASSERT_EQ(done.erase(index), model.erase(index) == 1);
    ASSERT_EQ(done.size(), model.size());
  }
  for (std::uint64_t index = 0; index < 80'000; ++index) ASSERT_EQ(done.contains(index), model.contains(index));
}

TEST(done_set, a_full_page_is_a_mark) {
  done_set done;
  for (std::uint64_t i = 0; i < 3'276'800; ++i) ASSERT_TRUE(done.insert(i));
  EXPECT_LT(done.memory(), 10'000U);
  EXPECT_FALSE(done.insert(5));
  EXPECT_TRUE(done.erase(5));
  EXPECT_FALSE(done.contains(5));
  EXPECT_TRUE(done.contains(6));
  EXPECT_TRUE(done.insert(5));
  EXPECT_EQ(done.size(), 3'276'800U);
  EXPECT_FALSE(done.contains(3'276'800));
}

}  // namespace
