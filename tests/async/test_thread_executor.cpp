// A bounded set of threads for calls that block, without coroutines.

#include <fanout/async/thread_executor.hpp>
#include <fanout/base/failure.hpp>

#include "support/leaks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace fanout;

class thread_executors : public test::leak_checked {};

/// A call whose end can be waited for.
class call final : public detail::thread_call {
 public:
  explicit call(std::function<void(const std::stop_token&)> work) : work_(std::move(work)) {
    struct ending final : listener {
      std::promise<bool> performed;
      void ended(bool was_performed) override { performed.set_value(was_performed); }
    };
    auto told = std::make_shared<ending>();
    end_ = told->performed.get_future().share();
    on_end = std::move(told);
  }
  void perform() noexcept override { work_(stop.get_token()); }

  std::shared_future<bool> end() const { return end_; }

 private:
  std::function<void(const std::stop_token&)> work_;
  std::shared_future<bool> end_;
};

/// Hands a call over; what it returns is whether the call was performed, in the end.
std::shared_future<bool> submit(thread_executor& threads, std::function<void(const std::stop_token&)> work) {
  const auto made = std::make_shared<call>(std::move(work));
  auto end = made->end();
  threads.submit(made);
  return end;
}

/// A call that runs until it is let go.
struct held_call {
  std::latch running{1};
  std::latch go_on{1};
  void operator()() {
    running.count_down();
    go_on.wait();
  }
};

TEST_F(thread_executors, make_a_call_on_a_thread_that_is_used_again) {
  thread_executor threads({.threads = 3});
  EXPECT_EQ(threads.statistics().threads, 0U) << "none is started before it is needed";
  std::vector<std::thread::id> made_by;
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(submit(threads, [&](const auto&) { made_by.push_back(std::this_thread::get_id()); }).get());
  EXPECT_NE(made_by[0], std::this_thread::get_id());
  EXPECT_THAT(made_by, testing::Each(made_by[0]));
  const auto now = threads.statistics();
  EXPECT_EQ(now.threads, 1U);
  EXPECT_EQ(now.idle, 1U);
  EXPECT_EQ(now.queued, 0U);
}

TEST_F(thread_executors, make_calls_in_the_order_they_came_and_no_more_than_the_limit_at_once) {
  thread_executor threads({.threads = 1});
  held_call first;
  std::vector<std::shared_future<bool>> ends{submit(threads, [&](const auto&) { first(); })};
  std::vector<int> order;
  for (int i = 0; i < 5; ++i) ends.push_back(submit(threads, [&order, i](const auto&) { order.push_back(i); }));
  first.running.wait();
  EXPECT_EQ(threads.statistics().queued, 5U);
  EXPECT_EQ(threads.statistics().threads, 1U);
  EXPECT_TRUE(order.empty());
  first.go_on.count_down();
  for (const auto& end : ends) EXPECT_TRUE(end.get());
  EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4}));
}

TEST_F(thread_executors, refuse_a_call_beyond_the_queue_and_keep_the_others) {
  thread_executor threads({.threads = 1, .queue = 1});
  held_call first;
  const auto running = submit(threads, [&](const auto&) { first(); });
  first.running.wait();
  const auto queued = submit(threads, [](const auto&) {});
  const auto late = std::make_shared<call>([](const auto&) { ADD_FAILURE() << "it was refused"; });
  try {
    threads.submit(late);
    ADD_FAILURE() << "the queue is full";
  } catch (const error& refused) {
    EXPECT_EQ(refused.kind(), failure_kind::refused_by_policy);
    EXPECT_STREQ(refused.what(), "all 1 threads are busy and 1 calls wait for them, which is the limit");
  }
  first.go_on.count_down();
  EXPECT_TRUE(running.get());
  EXPECT_TRUE(queued.get());
}

TEST_F(thread_executors, cancel_drops_a_call_that_waits_and_asks_one_under_way_to_stop) {
  thread_executor threads({.threads = 1});
  std::latch running(1);
  const auto first = std::make_shared<call>([&](const std::stop_token& stop) {
    running.count_down();
    while (!stop.stop_requested()) std::this_thread::yield();
  });
  const auto second = std::make_shared<call>([](const auto&) { ADD_FAILURE() << "it was dropped"; });
  threads.submit(first);
  threads.submit(second);
  running.wait();
  const auto second_end = second->end();
  threads.cancel(second);
  EXPECT_FALSE(second_end.get());
  EXPECT_EQ(threads.statistics().queued, 0U);
  threads.cancel(first);
  EXPECT_TRUE(first->end().get()) << "it was made, and ended by itself";
  threads.cancel(first);  // it has ended: no effect
}

TEST_F(thread_executors, destroying_one_stops_what_runs_and_drops_what_waits) {
  std::optional<thread_executor> threads(thread_limits{.threads = 1});
  std::latch running(1);
  const auto first = submit(*threads, [&](const std::stop_token& stop) {
    running.count_down();
    while (!stop.stop_requested()) std::this_thread::yield();
  });
  const auto second = submit(*threads, [](const auto&) { ADD_FAILURE() << "it was dropped"; });
  running.wait();
  threads.reset();
  EXPECT_TRUE(first.get());
  EXPECT_FALSE(second.get());
}

TEST_F(thread_executors, a_call_that_waits_for_an_inner_one_does_not_count_as_under_way) {
  thread_executor threads({.threads = 1});
  thread_executor::snapshot seen;
  const auto outer = submit(threads, [&](const auto&) {
    const auto inner = submit(threads, [&](const auto&) { seen = threads.statistics(); });
    EXPECT_TRUE(inner.get());
  });
  EXPECT_TRUE(outer.get());
  EXPECT_EQ(seen.waiting, 1U);
  EXPECT_EQ(seen.threads, 2U);
  EXPECT_EQ(threads.statistics().waiting, 0U);
}

TEST_F(thread_executors, a_call_within_a_call_of_another_executor_is_nobodys_inner_one) {
  thread_executor threads({.threads = 1});
  thread_executor others({.threads = 1});
  thread_executor::snapshot seen;
  const auto outer = submit(threads, [&](const auto&) {
    EXPECT_TRUE(submit(others, [&](const auto&) { seen = threads.statistics(); }).get());
  });
  EXPECT_TRUE(outer.get());
  EXPECT_EQ(seen.waiting, 0U);
}

TEST(shared_thread_executor, is_one_for_the_program) {
  EXPECT_EQ(&thread_executor::shared(), &thread_executor::shared());
}

}  // namespace
