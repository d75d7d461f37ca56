// Outcomes in the order of the inputs, under every shape.
#include <fanout/fanout.hpp>

#include "support/leaks.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

namespace in_order {

using namespace fanout;
using namespace std::chrono_literals;

task<void> pause_for(std::chrono::milliseconds duration) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, duration);
  auto wait = timer.async_wait(asio::use_awaitable);
  co_await std::move(wait);
}

/// Of eight neighbours the last ends first; every seventh fails.
task<int> later_is_sooner(int x) {
  if (x % 7 == 3) throw std::runtime_error("no " + std::to_string(x));
  task<void> pause = pause_for(std::chrono::milliseconds(7 - x % 8));
  co_await std::move(pause);
  co_return 10 * x;
}

/// The first takes a while.
task<int> first_is_slow(int x) {
  if (x == 0) {
    task<void> pause = pause_for(30ms);
    co_await std::move(pause);
  }
  co_return x;
}

task<int> fails_or_never_ends(int x) {
  if (x == 2) throw std::runtime_error("no 2");
  if (x > 2) {
    task<void> pause = pause_for(1h);
    co_await std::move(pause);
  }
  co_return x;
}

int negate(int x) {
  return -x;
}

class ordered_shapes : public test::leak_checked, public testing::WithParamInterface<std::string> {
 protected:
  options collecting() const {
    options how(parse_shape(GetParam()));
    how.on_error = on_error::collect;
    return how;
  }
};

TEST_P(ordered_shapes, hands_outcomes_over_in_the_order_of_the_inputs_with_failures_in_their_places) {
  constexpr int count = 48;
  std::vector<std::uint64_t> failed;
  int next = 0;
  const auto cost = for_each_in_order(collecting(), remote<later_is_sooner>, std::views::iota(0, count),
                                      [&](const outcome<int>& out) {
                                        ASSERT_EQ(out.index, static_cast<std::uint64_t>(next));
                                        if (!out.ok()) failed.push_back(out.index);
                                        EXPECT_TRUE(!out.ok() || out.value() == 10 * next);
                                        ++next;
                                      });
  EXPECT_EQ(next, count);
  EXPECT_EQ(cost.tasks, 48U);
  EXPECT_THAT(failed, testing::ElementsAre(3, 10, 17, 24, 31, 38, 45));
}

TEST_P(ordered_shapes, gets_no_further_ahead_than_its_window) {
  constexpr int count = 200;
  constexpr int window = 16;
  std::atomic<int> handed_over{0};
  int pulled = 0;
  int furthest = 0;
  const auto source = [&]() -> std::optional<int> {
    if (pulled == count) return std::nullopt;
    furthest = std::max(furthest, pulled + 1 - handed_over.load());
    return pulled++;
  };
  for_each_in_order(collecting(), remote<first_is_slow>, source,
                    [&](const outcome<int>& out) {
                      EXPECT_EQ(out.value(), handed_over.load());
                      ++handed_over;
                    },
                    {.window = window});
  EXPECT_EQ(handed_over, count);
  EXPECT_LE(furthest, window);
  if (GetParam() == "async:4") {
    EXPECT_EQ(furthest, window);
  }
}

TEST_P(ordered_shapes, tells_which_input_an_outcome_is_of) {
  std::vector<std::string> seen;
  const auto inputs = std::views::iota(0, 20);
  for_each_in_order(collecting(), remote<later_is_sooner>, inputs, [&](const outcome<int>& out, const int& input) {
    EXPECT_EQ(out.index, static_cast<std::uint64_t>(input));
    seen.push_back(std::to_string(input));
  });
  EXPECT_EQ(seen.size(), 20U);
}

async_generator<int> slowly(int count) {
  for (int i = 0; i < count; ++i) {
    if (i % 8 == 0) {
      task<void> pause = pause_for(1ms);
      co_await std::move(pause);
    }
    co_yield i;
  }
}

TEST_P(ordered_shapes, takes_a_source_that_waits) {
  int next = 0;
  for_each_in_order(collecting(), remote<first_is_slow>, slowly(60),
                    [&](const outcome<int>& out) { EXPECT_EQ(out.value(), next++); }, {.window = 10});
  EXPECT_EQ(next, 60);
}

TEST_P(ordered_shapes, the_first_failure_ends_the_run_and_no_place_is_left_out) {
  options how(parse_shape(GetParam()));
  std::vector<std::uint64_t> indices;
  const auto cost = for_each_in_order(how, remote<fails_or_never_ends>, std::views::iota(0, 1'000'000),
                                      [&](const outcome<int>& out) { indices.push_back(out.index); });
  EXPECT_TRUE(cost.stopped);
  ASSERT_GE(indices.size(), 3U);
  for (std::size_t i = 0; i < indices.size(); ++i) EXPECT_EQ(indices[i], i);
}

TEST_P(ordered_shapes, an_exception_of_the_sink_ends_the_run_and_is_rethrown) {
  const auto run = [&] {
    for_each_in_order(collecting(), remote<later_is_sooner>, std::views::iota(0, 1'000'000),
                      [](const outcome<int>& out) {
                        if (out.index == 5) throw std::domain_error("enough");
                      });
  };
  EXPECT_THROW(run(), std::domain_error);
}

INSTANTIATE_TEST_SUITE_P(shapes, ordered_shapes,
                         testing::Values("sync", "threads:4", "async:4", "hybrid:6", "processes:3", "2x2x2", "auto"),
                         [](const auto& shape) {
                           std::string name = shape.param;
                           std::ranges::replace(name, ':', '_');
                           return name;
                         });

TEST(in_order, tiny_tasks_of_two_workers_and_of_a_pool) {
  constexpr int count = 100'000;
  int next = 0;
  const auto check = [&](const outcome<int>& out) {
    if (out.value() == -next) ++next;
  };
  for_each_in_order(processes(2), remote<negate>, std::views::iota(0, count), check);
  EXPECT_EQ(next, count);
  next = 0;
  process_pool pool({.processes = 2});
  pool.for_each_in_order(remote<negate>, std::views::iota(0, count), check);
  EXPECT_EQ(next, count);
}

}  // namespace in_order
