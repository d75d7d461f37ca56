#include <fanout/base/task.hpp>
#include <fanout/core/map.hpp>
#include <fanout/core/per_lane.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace fanout;

struct seen_call {
  std::thread::id on;
  int number = 0;  ///< of the calls of one copy
};

/// Whether each thread's calls are numbered from 1, without a gap: they were of one copy, which no other thread called.
testing::AssertionResult each_thread_counts_its_own(const std::vector<seen_call>& calls, std::size_t threads) {
  std::map<std::thread::id, std::vector<int>> numbers;
  for (const seen_call& each : calls) numbers[each.on].push_back(each.number);
  if (numbers.size() > threads) return testing::AssertionFailure() << numbers.size() << " threads";
  for (auto& [thread, own] : numbers) {
    std::sort(own.begin(), own.end());
    std::vector<int> expected(own.size());
    std::iota(expected.begin(), expected.end(), 1);
    if (own != expected) return testing::AssertionFailure() << "a copy was called by several threads, or not copied";
  }
  return testing::AssertionSuccess();
}

class counting {
 public:
  task<seen_call> operator()(int) {
    const auto executor = co_await asio::this_coro::executor;
    auto turn = asio::post(executor, asio::use_awaitable);
    co_await std::move(turn);
    co_return seen_call{std::this_thread::get_id(), ++calls_};
  }

 private:
  int calls_ = 0;
};

const std::vector<int> some_inputs(400, 0);

TEST(per_lane, blocking_tasks) {
  auto count = per_lane([calls = 0](int) mutable { return seen_call{std::this_thread::get_id(), ++calls}; });
  for (int again = 0; again < 2; ++again) {  // what a run does is not left in the function
    EXPECT_TRUE(each_thread_counts_its_own(map(threads(4), count, some_inputs), 4));
    EXPECT_TRUE(each_thread_counts_its_own(map(fanout::sync(), count, some_inputs), 1));
  }
}

TEST(per_lane, coroutines) {
  EXPECT_TRUE(each_thread_counts_its_own(map(async(8), per_lane(counting()), some_inputs), 1));
  EXPECT_TRUE(each_thread_counts_its_own(map(grid(1, 3, 4), per_lane(counting()), some_inputs), 3));
}

struct asking : counting {
  static constexpr bool per_lane = true;
};

TEST(per_lane, a_class_may_ask_for_it) {
  static_assert(is_per_lane_task<asking> && !is_per_lane_task<counting> && !is_per_lane_task<int (*)(int)>);
  asking shared;
  EXPECT_TRUE(each_thread_counts_its_own(map(grid(1, 3, 4), shared, some_inputs), 3));
}

TEST(per_lane, elements_of_pairs_and_a_stop_token_are_passed_on) {
  const auto add = per_lane([](int a, int b) { return a + b; });
  auto changing = add;
  EXPECT_EQ(map(fanout::sync(), changing, std::vector{std::pair(1, 2)}), std::vector{3});
  auto stops = per_lane([](int a, const std::stop_token& stop) { return stop.stop_possible() ? a : -1; });
  EXPECT_EQ(map(fanout::sync(), stops, std::vector{7}), std::vector{7});
}

struct cannot_be_copied {
  cannot_be_copied() = default;
  cannot_be_copied(const cannot_be_copied&) { throw std::runtime_error("no copy today"); }
  cannot_be_copied(cannot_be_copied&&) = default;
  int operator()(int x) const { return x; }
};

TEST(per_lane, a_copy_that_fails_ends_the_run_before_an_input_is_taken) {
  int pulled = 0;
  const auto next = [&]() -> std::optional<int> { return ++pulled; };
  auto refusing = per_lane(cannot_be_copied());
  for (const shape& how : {fanout::sync(), fanout::threads(3)})
    EXPECT_THROW(run(how, refusing, next, [](const outcome<int>&) {}), std::runtime_error);
  EXPECT_EQ(pulled, 0);
}

}  // namespace
