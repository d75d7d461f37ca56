#include <fanout/core/detail/mapped_values.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace fanout::detail {
namespace {

struct no_default {
  explicit no_default(int x) : value(x) {}
  int value;
};

static_assert(mapped_values<int>::plain);
static_assert(!mapped_values<bool>::plain);  // vector<bool> has no bytes to copy into
static_assert(!mapped_values<std::string>::plain);

TEST(mapped_values, come_in_any_order_and_are_taken_in_theirs) {
  mapped_values<std::string> all;
  all.put(2, "c");
  all.put(0, "a");
  all.put(1, "b");
  EXPECT_EQ(all.take(3), (std::vector<std::string>{"a", "b", "c"}));
}

TEST(mapped_values, need_no_default_and_no_copy) {
  mapped_values<no_default> all;
  all.put(1, no_default(11));
  all.put(0, no_default(10));
  EXPECT_EQ(all.take(2)[1].value, 11);

  mapped_values<std::unique_ptr<int>> owned;
  owned.put(0, std::make_unique<int>(3));
  EXPECT_EQ(*owned.take(1)[0], 3);
}

TEST(mapped_values, that_are_numbers_come_many_at_once) {
  mapped_values<int> all;
  const int last[] = {3, 4};
  all.put_plain(3, reinterpret_cast<const char*>(last), 2);
  const int first[] = {0, 1, 2};
  all.put_plain(0, reinterpret_cast<const char*>(first), 3);
  EXPECT_EQ(all.take(5), (std::vector{0, 1, 2, 3, 4}));
}

TEST(mapped_values, may_be_announced_in_numbers_that_no_memory_holds) {
  mapped_values<int> all;
  all.expect(std::numeric_limits<std::uint64_t>::max());
  all.put(0, 1);
  EXPECT_EQ(all.take(1), std::vector{1});
}

}  // namespace
}  // namespace fanout::detail
