// One task for all lanes, or a copy for each.

#include <fanout/core/detail/lane_tasks.hpp>

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>
#include <vector>

namespace fanout::detail {
namespace {

struct shared_task {
  int operator()(int x) const { return x; }
};

struct own_task {
  static constexpr bool per_lane = true;
  own_task() = default;
  own_task(const own_task& other) : copies(other.copies + 1) {
    if (other.fails) throw std::length_error("no more copies");
  }
  own_task& operator=(const own_task&) = delete;
  int operator()(int x) { return x + ++calls; }
  int copies = 0;
  int calls = 0;
  bool fails = false;
};

TEST(lane_tasks, of_a_plain_task_is_the_task_itself) {
  shared_task original;
  lane_tasks<shared_task> all(original);
  EXPECT_EQ(&all.of(0), &original);
  EXPECT_EQ(&all.of(7), &original);
}

TEST(lane_tasks, of_a_task_per_lane_is_one_copy_for_each_lane_that_asks) {
  own_task original;
  lane_tasks<own_task> all(original);
  own_task& third = all.of(3);
  own_task& first = all.of(0);
  EXPECT_NE(&third, &original);
  EXPECT_NE(&third, &first);
  EXPECT_EQ(&all.of(3), &third) << "it stays where it is when others are added";
  EXPECT_EQ(third.copies, 1) << "of the original, not of another copy";
  third(1);
  EXPECT_EQ(first.calls, 0);
}

TEST(lane_tasks, a_copy_that_fails_may_be_asked_for_again) {
  own_task original;
  lane_tasks<own_task> all(original);
  original.fails = true;
  EXPECT_THROW(all.of(2), std::length_error);
  original.fails = false;
  EXPECT_EQ(all.of(2).copies, 1);
}

TEST(lane_tasks, lanes_may_ask_at_the_same_time) {
  own_task original;
  lane_tasks<own_task> all(original);
  std::vector<own_task*> seen(8, nullptr);
  {
    std::vector<std::jthread> lanes;
    for (std::uint32_t lane = 0; lane < seen.size(); ++lane)
      lanes.emplace_back([&, lane] {
        for (int i = 0; i < 1'000; ++i) all.of(lane)(i);
        seen[lane] = &all.of(lane);
      });
  }
  for (const own_task* each : seen) EXPECT_EQ(each->calls, 1'000);
}

}  // namespace
}  // namespace fanout::detail
