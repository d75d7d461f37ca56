#include <fanout/core/map.hpp>
#include <fanout/core/shape.hpp>
#include <fanout/process/remote.hpp>

#include "process/worker/served_function.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace served_function_test {

using namespace fanout;
using ::testing::ElementsAre;

/// What calls of one lane share. It travels as the number alone.
struct lane_state {
  static constexpr bool per_lane = true;
  int given = 0;
  mutable int calls = 0;

  lane_state() = default;
  explicit lane_state(int number) : given(number) {}
  template <class Archive>
  void serialize(Archive& archive) {
    archive(given);
  }
};

struct shared_state : lane_state {
  static constexpr bool per_lane = false;
};

/// {thread, number of the call, what was bound}
using seen = std::vector<int>;

seen count(const lane_state& state, int) {
  return {gettid(), ++state.calls, state.given};
}
task<seen> count_async(const lane_state& state, int input) {
  co_return count(state, input);
}
int count_shared(const shared_state& state, int) {
  return ++state.calls;
}

bool each_lane_counts_its_own(const std::vector<seen>& calls) {
  std::map<int, std::vector<int>> numbers;
  for (const seen& each : calls) {
    if (each.at(2) != 7) return false;
    numbers[each.at(0)].push_back(each.at(1));
  }
  return std::all_of(numbers.begin(), numbers.end(), [](auto& of) {
    auto& [thread, own] = of;
    std::vector<int> expected(own.size());
    std::iota(expected.begin(), expected.end(), 1);
    std::sort(own.begin(), own.end());
    return own == expected;
  });
}

TEST(served_function, each_lane_has_state_of_its_own_where_its_class_says_so) {
  const std::vector<int> inputs(200, 0);
  for (const char* shape : {"sync", "threads:3", "processes:2", "2x3x1"})
    EXPECT_TRUE(each_lane_counts_its_own(map(parse_shape(shape), remote<count>.with(lane_state(7)), inputs))) << shape;
  for (const char* shape : {"async:4", "1x3x4", "processes:2", "2x2x3"})
    EXPECT_TRUE(each_lane_counts_its_own(map(parse_shape(shape), remote<count_async>.with(lane_state(7)), inputs)))
        << shape;
}

TEST(served_function, is_made_once_for_a_lane_or_once_for_all) {
  const auto own = remote<count>.with(lane_state(7));
  detail::served_function function(own.name(), own.context(), 2);
  EXPECT_EQ(&function.instance(0), &function.instance(0));
  EXPECT_NE(&function.instance(0), &function.instance(1));
  const auto common = remote<count_shared>.with(shared_state());
  detail::served_function shared(common.name(), common.context(), 2);
  EXPECT_EQ(&shared.instance(0), &shared.instance(1));
  std::string argument;
  common.encode(0, argument);
  std::string results;
  for (const std::uint32_t lane : {0U, 1U, 0U}) shared.call(lane, argument, results);
  EXPECT_EQ(results.size(), 3 * sizeof(int));
  EXPECT_EQ(common.decode_result(std::string_view(results).substr(2 * sizeof(int))), 3);
}

TEST(served_function, of_no_known_name) {
  detail::served_function function("no such function", "");
  EXPECT_THROW(function.instance(0), std::logic_error);
}

}  // namespace served_function_test
