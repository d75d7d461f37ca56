#include "fetch/schedule/delayed_items.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using fanout::fetch::delayed_items;

TEST(delayed_items, come_back_by_time_and_then_by_index) {
  delayed_items waiting;
  EXPECT_TRUE(waiting.empty());
  waiting.push({30, 1, "a", "x"});
  waiting.push({10, 9, "b", "y"});
  waiting.push({10, 2, "c", "z"});
  waiting.push({20, 3, "d", std::string(1'000, 'p')});
  EXPECT_EQ(waiting.size(), 4U);
  EXPECT_GE(waiting.memory(), 1'000U);
  EXPECT_EQ(waiting.next_due(), 10);
  std::vector<std::uint64_t> order;
  while (!waiting.empty()) order.push_back(waiting.pop().index);
  EXPECT_EQ(order, (std::vector<std::uint64_t>{2, 9, 3, 1}));
  EXPECT_EQ(waiting.memory(), 0U);
}

}  // namespace
