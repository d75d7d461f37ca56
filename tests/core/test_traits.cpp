#include <fanout/base/task.hpp>
#include <fanout/core/traits.hpp>

#include <gtest/gtest.h>

#include <array>
#include <stop_token>
#include <string>
#include <tuple>
#include <utility>

namespace fanout {
namespace {

int of_one(int x) {
  return x + 1;
}
int of_two(int x, int y) {
  return 10 * x + y;
}
int stoppable(int x, const std::stop_token&) {
  return x;
}
int of_two_stoppable(int x, int y, const std::stop_token& stop) {
  return stop.stop_requested() ? -1 : 10 * x + y;
}
[[maybe_unused]] task<std::string> coroutine(int x) {
  co_return std::to_string(x);
}
int first_of(const std::pair<int, int>& both) {
  return both.first;
}

static_assert(task_for<decltype(of_one), int>);
static_assert(!task_for<decltype(of_one), std::string>);
static_assert(task_for<decltype(of_two), std::pair<int, int>>);
static_assert(task_for<decltype(of_two), std::array<int, 2>>);
static_assert(!task_for<decltype(of_two), std::tuple<int>>);
static_assert(task_for<decltype(stoppable), int>);
static_assert(task_for<decltype(of_two_stoppable), std::tuple<int, int>>);
static_assert(is_coroutine_task<decltype(coroutine), int>);
static_assert(!is_coroutine_task<decltype(of_one), int>);
static_assert(std::is_same_v<task_result_t<decltype(coroutine), int>, std::string>);
static_assert(!remote_task_for<decltype(of_one), int>);

TEST(traits, call_a_task_in_each_form_of_its_input) {
  const std::stop_token never;
  EXPECT_EQ(detail::invoke_task(of_one, 1, never), 2);
  EXPECT_EQ(detail::invoke_task(of_two, std::pair(1, 2), never), 12);
  EXPECT_EQ(detail::invoke_task(of_two, std::array{3, 4}, never), 34);
  EXPECT_EQ(detail::invoke_task(stoppable, 5, never), 5);
  EXPECT_EQ(detail::invoke_task(of_two_stoppable, std::tuple(6, 7), never), 67);
}

TEST(traits, give_a_pair_to_a_task_that_takes_pairs_as_it_is) {
  EXPECT_EQ(detail::invoke_task(first_of, std::pair(8, 9), {}), 8);
}

TEST(traits, make_strings_of_listed_texts) {
  const auto texts = detail::listed<std::size_t(const std::string&)>({"a", "b"});
  EXPECT_EQ(texts, (std::vector<std::string>{"a", "b"}));
}

}  // namespace
}  // namespace fanout
