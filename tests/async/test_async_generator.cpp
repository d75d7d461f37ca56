// Coroutines that yield values and await in between.

#include <fanout/async/async_generator.hpp>

#include "support/leaks.hpp"
#include "support/run_to_end.hpp"
#include "support/tasks.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using test::run_to_end;
using testing::ElementsAre;

class generating : public test::leak_checked {};

/// Counts how often a frame that holds one is left.
struct mark {
  int* left;
  explicit mark(int& count) : left(&count) {}
  mark(const mark&) = delete;
  mark& operator=(const mark&) = delete;
  ~mark() { ++*left; }
};

async_generator<int> below(int end) {
  for (int i = 0; i < end; ++i) {
    if (i % 2 == 1) {
      task<void> turn = test::yield();
      co_await std::move(turn);
    }
    task<int> same = test::echo(i);
    const int value = co_await std::move(same);
    co_yield value;
  }
}

template <class T>
task<std::vector<T>> all_of(async_generator<T> values) {
  std::vector<T> all;
  for (;;) {
    auto next = values.next();
    std::optional<T> value = co_await std::move(next);
    if (!value) break;
    all.push_back(std::move(*value));
  }
  auto again = values.next();
  const auto after = co_await std::move(again);
  EXPECT_FALSE(after.has_value()) << "the end is the end";
  co_return all;
}

TEST_F(generating, yields_in_order_and_ends) {
  EXPECT_THAT(run_to_end(all_of(below(5))), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_TRUE(run_to_end(all_of(below(0))).empty());
}

async_generator<std::unique_ptr<int>> boxes() {
  co_yield std::make_unique<int>(1);
  auto second = std::make_unique<int>(2);
  co_yield std::move(second);
}

TEST_F(generating, values_may_be_movable_only) {
  const auto all = run_to_end(all_of(boxes()));
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(*all[1], 2);
}

async_generator<int> squares(async_generator<int> of) {
  for (;;) {
    auto next = of.next();
    const std::optional<int> value = co_await std::move(next);
    if (!value) co_return;
    co_yield *value** value;
  }
}

TEST_F(generating, one_may_ask_another) {
  EXPECT_THAT(run_to_end(all_of(squares(below(4)))), ElementsAre(0, 1, 4, 9));
}

async_generator<bool> knows(asio::any_io_executor expected) {
  const auto executor = co_await asio::this_coro::executor;
  co_yield executor == expected;
}

task<bool> knows_its_executor() {
  auto asked = knows(co_await asio::this_coro::executor);
  auto next = asked.next();
  const std::optional<bool> answer = co_await std::move(next);
  co_return answer.value();
}

TEST_F(generating, has_the_executor_of_whoever_asks) {
  EXPECT_TRUE(run_to_end(knows_its_executor()));
  asio::thread_pool pool(2);
  EXPECT_TRUE(asio::co_spawn(pool, knows_its_executor(), asio::use_future).get());
  pool.join();
}

task<int> refusing() {
  task<void> turn = test::yield();
  co_await std::move(turn);
  throw std::invalid_argument("refused");
  co_return 0;
}

async_generator<int> failing_generator(int& left, bool catches) {
  const mark here(left);
  co_yield 1;
  bool refused = false;
  try {
    task<int> attempt = refusing();
    co_await std::move(attempt);
  } catch (const std::invalid_argument&) {
    if (!catches) throw;
    refused = true;
  }
  co_yield refused ? 2 : 0;
}

task<std::vector<int>> until_it_throws(async_generator<int> values) {
  std::vector<int> all;
  try {
    for (;;) {
      auto next = values.next();
      const std::optional<int> value = co_await std::move(next);
      if (!value) co_return all;
      all.push_back(*value);
    }
  } catch (const std::invalid_argument&) {
    all.push_back(-1);
  }
  auto after = values.next();
  const std::optional<int> nothing = co_await std::move(after);
  if (!nothing) all.push_back(-2);
  co_return all;
}

TEST_F(generating, what_it_awaits_fails_inside_it) {
  int left = 0;
  EXPECT_THAT(run_to_end(until_it_throws(failing_generator(left, true))), ElementsAre(1, 2));
  EXPECT_EQ(left, 1);
}

TEST_F(generating, what_leaves_it_is_thrown_by_next_and_then_it_has_ended) {
  int left = 0;
  EXPECT_THAT(run_to_end(until_it_throws(failing_generator(left, false))), ElementsAre(1, -1, -2));
  EXPECT_EQ(left, 1);
}

async_generator<int> endless(int& left) {
  const mark here(left);
  for (int i = 0;; ++i) co_yield i;
}

task<int> take(async_generator<int>& values, int count) {
  int last = -1;
  for (int i = 0; i < count; ++i) {
    auto next = values.next();
    last = (co_await std::move(next)).value();
  }
  co_return last;
}

TEST_F(generating, may_be_destroyed_early_or_before_it_began) {
  int left = 0;
  {
    auto values = endless(left);
    EXPECT_EQ(run_to_end(take(values, 3)), 2);
    EXPECT_EQ(left, 0);
    auto moved = std::move(values);
    EXPECT_EQ(run_to_end(take(moved, 2)), 4);
  }
  EXPECT_EQ(left, 1);
  {
    auto untouched = endless(left);
  }
  EXPECT_EQ(left, 1) << "its body never began";
}

async_generator<int> with_pauses(int& left, int& cancelled) {
  const mark here(left);
  for (int i = 0; i < 3; ++i) {
    try {
      task<void> first = test::yield();
      co_await std::move(first);
      task<void> second = test::pause(1ms);
      co_await std::move(second);
    } catch (const boost::system::system_error&) {
      ++cancelled;
      throw;
    }
    co_yield i;
  }
}

task<int> count_all(async_generator<int>& values) {
  int count = 0;
  for (;;) {
    auto next = values.next();
    const std::optional<int> value = co_await std::move(next);
    if (!value) co_return count;
    ++count;
  }
}

/// Cancels after `turns` turns of the loop. Returns whether it was in time.
bool cancelled_after(int turns) {
  int left = 0;
  int cancelled = 0;
  std::exception_ptr thrown;
  int count = -1;
  {
    auto values = with_pauses(left, cancelled);
    asio::io_context loop;
    asio::cancellation_signal stop;
    asio::post(loop, [&] {
      asio::co_spawn(loop, count_all(values),
                     asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr failed, int counted) {
                       thrown = failed;
                       count = counted;
                     }));
    });
    loop.run_one();
    for (int i = 0; i < turns && !loop.stopped(); ++i) loop.run_one();
    if (!loop.stopped()) stop.emit(asio::cancellation_type::terminal);
    loop.run();
    EXPECT_EQ(left, 1) << "the body has ended, one way or the other; turn " << turns;
  }
  EXPECT_EQ(left, 1);
  if (!thrown) {
    EXPECT_EQ(count, 3);
    EXPECT_EQ(cancelled, 0);
    return false;
  }
  EXPECT_THROW(std::rethrow_exception(thrown), boost::system::system_error);
  EXPECT_EQ(cancelled, 1);
  return true;
}

TEST_F(generating, is_cancelled_wherever_it_waits) {
  int turns = 0;
  while (cancelled_after(turns)) ++turns;
  EXPECT_GE(turns, 5) << "two waits for each value";
}

task<void> cancelled_while_it_stood_still(async_generator<int>& values) {
  task<void> turn = test::yield();
  co_await std::move(turn);
  task<int> some = take(values, 2);
  const int last = co_await std::move(some);
  EXPECT_EQ(last, 1);
  const auto state = co_await asio::this_coro::cancellation_state;
  EXPECT_NE(state.cancelled(), asio::cancellation_type::none);
  auto next = values.next();
  co_await std::move(next);
}

async_generator<int> that_cancels(asio::cancellation_signal& stop, int& left) {
  const mark here(left);
  for (int i = 0;; ++i) {
    if (i == 1) stop.emit(asio::cancellation_type::terminal);
    co_yield i;
  }
}

TEST_F(generating, one_cancelled_while_it_stood_still_goes_on_for_the_next_one_who_asks) {
  int left = 0;
  asio::cancellation_signal stop;
  auto values = that_cancels(stop, left);
  asio::io_context loop;
  std::exception_ptr thrown;
  asio::co_spawn(loop, cancelled_while_it_stood_still(values),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr failed) { thrown = failed; }));
  loop.run();
  EXPECT_THROW(std::rethrow_exception(thrown), boost::system::system_error);
  EXPECT_EQ(left, 0);
  EXPECT_EQ(run_to_end(take(values, 1)), 2);
}

async_generator<int> never_asked(int& left) {
  const mark here(left);
  task<void> rest = test::pause(1h);
  co_await std::move(rest);
  co_yield 1;
}

TEST_F(generating, a_loop_may_be_destroyed_while_one_waits) {
  int left = 0;
  {
    asio::io_context loop;
    asio::co_spawn(loop, all_of(never_asked(left)), [](std::exception_ptr, std::vector<int>) {});
    loop.poll();
    EXPECT_EQ(left, 0);
  }
  EXPECT_EQ(left, 1);
}

TEST_F(generating, may_be_asked_from_one_thread_after_another) {
  int left = 0;
  auto values = endless(left);
  asio::thread_pool pool(3);
  EXPECT_EQ(asio::co_spawn(pool, take(values, 1'000), asio::use_future).get(), 999);
  EXPECT_EQ(asio::co_spawn(pool, take(values, 1'000), asio::use_future).get(), 1'999);
  pool.join();
}

}  // namespace
