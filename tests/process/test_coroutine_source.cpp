// A coroutine that yields inputs feeds a run, under every shape.

#include <fanout/fanout.hpp>

#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/system/system_error.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace coroutine_sources {

using namespace fanout;
using namespace std::chrono_literals;

int twice(int x) {
  return 2 * x;
}

task<int> twice_async(int x) {
  task<void> turn = test::yield();
  co_await std::move(turn);
  co_return 2 * x;
}

int even_only(int x) {
  if (x % 2 == 1) throw std::invalid_argument("odd");
  return x;
}

/// What became of a generator.
struct life {
  std::atomic<int> yielded{0};
  std::atomic<int> cancelled{0};
  std::atomic<int> left{0};
};

struct mark {
  life& seen;
  explicit mark(life& of) : seen(of) {}
  mark(const mark&) = delete;
  mark& operator=(const mark&) = delete;
  ~mark() { ++seen.left; }
};

/// Yields the numbers below `end`; rests now and then, with a timer that it keeps from one value to the next.
async_generator<int> numbers(life& seen, int end, int rest_every) {
  const mark here(seen);
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (int i = 0; i < end; ++i) {
    if (i % rest_every == rest_every - 1) {
      timer.expires_after(1ms);
      auto wait = timer.async_wait(asio::use_awaitable);
      co_await std::move(wait);
    }
    ++seen.yielded;
    co_yield i;
  }
}

class coroutine_source : public test::leak_checked, public testing::WithParamInterface<std::string> {
 protected:
  fanout::shape shape() const { return parse_shape(GetParam()); }
  bool takes_blocking_tasks() const { return shape().in_flight == 1; }
};

INSTANTIATE_TEST_SUITE_P(under, coroutine_source,
                         testing::Values("sync", "threads:4", "async:4", "processes:3", "hybrid:4", "2x2x1", "2x2x3",
                                         "auto"),
                         [](const auto& shape) {
                           std::string name = shape.param;
                           std::replace(name.begin(), name.end(), ':', '_');
                           return name;
                         });

TEST_P(coroutine_source, every_value_is_an_input_in_order) {
  for (const int count : {0, 1, 31, 32, 33, 1'000}) {
    for (const int rest_every : {1, 7, 5'000}) {
      if (count == 1'000 && rest_every == 1) continue;
      life seen;
      std::vector<int> expected(static_cast<std::size_t>(count));
      std::iota(expected.begin(), expected.end(), 0);
      for (int& each : expected) each *= 2;
      EXPECT_EQ(map(shape(), remote<twice_async>, numbers(seen, count, rest_every)), expected);
      EXPECT_EQ(seen.left, 1);
      if (takes_blocking_tasks()) {
        EXPECT_EQ(map(shape(), remote<twice>, numbers(seen, count, rest_every)), expected);
      }
    }
  }
}

TEST_P(coroutine_source, is_not_far_ahead_of_a_run_that_fails_and_is_destroyed_with_it) {
  if (!takes_blocking_tasks()) GTEST_SKIP() << "a blocking task needs a lane of its own";
  life seen;
  EXPECT_THROW(map(shape(), remote<even_only>, numbers(seen, 1'000'000, 1'000'000)), std::exception);
  EXPECT_EQ(seen.left, 1);
  EXPECT_LT(seen.yielded, 50'000);
}

async_generator<int> failing_after(life& seen, int count) {
  const mark here(seen);
  for (int i = 0; i < count; ++i) co_yield i;
  task<void> turn = test::yield();
  co_await std::move(turn);
  throw std::out_of_range("no more");
}

TEST_P(coroutine_source, its_exception_is_the_runs) {
  life seen;
  EXPECT_THROW(map(shape(), remote<twice_async>, failing_after(seen, 10)), std::out_of_range);
  EXPECT_THROW(map(shape(), remote<twice_async>, failing_after(seen, 0)), std::out_of_range);
  EXPECT_EQ(seen.left, 2);
}

async_generator<int> waiting_for_ever(life& seen, std::stop_source stop) {
  const mark here(seen);
  co_yield 1;
  stop.request_stop();
  try {
    task<void> rest = test::pause(1h);
    co_await std::move(rest);
  } catch (const boost::system::system_error&) {
    ++seen.cancelled;
    throw;
  }
}

TEST_P(coroutine_source, one_that_waits_is_cancelled_when_the_run_is_stopped) {
  life seen;
  std::stop_source stop;
  options how(shape());
  how.stop = stop.get_token();
  int outcomes = 0;
  const report cost = run(how, remote<twice_async>, waiting_for_ever(seen, stop), [&](outcome<int>) { ++outcomes; });
  EXPECT_TRUE(cost.stopped);
  EXPECT_LE(outcomes, 1);
  EXPECT_EQ(seen.cancelled, 1);
  EXPECT_EQ(seen.left, 1);
}

TEST_P(coroutine_source, a_sink_that_throws_ends_one_that_would_never_end) {
  life seen;
  EXPECT_THROW(run(shape(), remote<twice_async>, numbers(seen, 1'000'000'000, 100),
                   [](outcome<int>) { throw std::length_error("full"); }),
               std::length_error);
  EXPECT_EQ(seen.left, 1);
}

async_generator<std::unique_ptr<int>> boxes(int end) {
  for (int i = 0; i < end; ++i) co_yield std::make_unique<int>(i);
}

TEST(coroutine_source_values, may_be_movable_only) {
  const auto sums = map(threads(3), [](std::unique_ptr<int> box) { return *box + 1; }, boxes(100));
  ASSERT_EQ(sums.size(), 100U);
  EXPECT_EQ(sums[99], 100);
}

static_assert(any_source<async_generator<int>>);
static_assert(!any_source<async_generator<int>&>, "a run takes it over");

}  // namespace coroutine_sources
