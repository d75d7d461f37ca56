// So many a second, on a clock that the test moves.

#include <fanout/async/rate_limiter.hpp>

#include "support/every_step.hpp"
#include "support/leaks.hpp"
#include "support/run_to_end.hpp"
#include "support/tasks.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <future>
#include <limits>
#include <memory>
#include <stdexcept>
#include <vector>

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using testing::ElementsAre;

class rate_limiters : public test::leak_checked {};

using time_point = rate_limiter_options::time_point;

/// A clock that goes on when somebody sleeps: to the moment at which it wakes.
struct sleepers_clock {
  time_point now = time_point() + 1h;

  static task<void> sleep_until(std::shared_ptr<sleepers_clock> self, time_point until) {
    task<void> pause = test::yield();
    co_await std::move(pause);
    self->now = std::max(self->now, until);
  }
};

rate_limiter_options on(std::shared_ptr<sleepers_clock> clock, double per_second, double burst) {
  return {.per_second = per_second,
          .burst = burst,
          .now = [clock] { return clock->now; },
          .sleep_until = [clock](time_point until) { return sleepers_clock::sleep_until(clock, until); }};
}

struct tollgate {
  tollgate(double per_second, double burst) : limit(on(clock, per_second, burst)) {}

  std::shared_ptr<sleepers_clock> clock = std::make_shared<sleepers_clock>();
  time_point opened = clock->now;
  rate_limiter limit;
  std::vector<std::chrono::milliseconds> passed = {};
};

task<void> pass(std::shared_ptr<tollgate> gate, double tokens) {
  auto turn = gate->limit.acquire(tokens);
  co_await std::move(turn);
  gate->passed.push_back(std::chrono::round<std::chrono::milliseconds>(gate->clock->now - gate->opened));
}

TEST_F(rate_limiters, let_a_burst_pass_and_then_so_many_a_second) {
  asio::io_context loop;
  auto gate = std::make_shared<tollgate>(10, 3);
  for (int i = 0; i < 6; ++i) asio::co_spawn(loop, pass(gate, 1), asio::detached);
  loop.run();
  EXPECT_THAT(gate->passed, ElementsAre(0ms, 0ms, 0ms, 100ms, 200ms, 300ms));
}

TEST_F(rate_limiters, one_who_wants_few_does_not_get_past_one_who_wants_many) {
  asio::io_context loop;
  auto gate = std::make_shared<tollgate>(10, 5);
  asio::co_spawn(loop, pass(gate, 5), asio::detached);
  asio::co_spawn(loop, pass(gate, 5), asio::detached);
  asio::co_spawn(loop, pass(gate, 1), asio::detached);
  loop.run();
  EXPECT_THAT(gate->passed, ElementsAre(0ms, 500ms, 600ms));
}

TEST_F(rate_limiters, keep_no_more_than_a_burst_for_later) {
  auto gate = std::make_shared<tollgate>(1, 2);
  EXPECT_TRUE(gate->limit.try_acquire(2));
  EXPECT_FALSE(gate->limit.try_acquire(1));
  gate->clock->now += 1h;
  EXPECT_TRUE(gate->limit.try_acquire(2));
  EXPECT_FALSE(gate->limit.try_acquire(0.5));
  gate->clock->now += 500ms;
  EXPECT_TRUE(gate->limit.try_acquire(0.5));
}

TEST_F(rate_limiters, refuse_what_could_never_be) {
  rate_limiter limit({.per_second = 1, .burst = 2});
  EXPECT_THROW(static_cast<void>(limit.acquire(3)), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(limit.try_acquire(-1)), std::invalid_argument);
  EXPECT_THROW(rate_limiter({.per_second = 0}), std::invalid_argument);
  EXPECT_THROW(rate_limiter({.burst = 0.5}), std::invalid_argument);
  EXPECT_THROW(rate_limiter({.per_second = std::numeric_limits<double>::infinity()}), std::invalid_argument);
}

task<void> never_wakes() {
  throw std::runtime_error("asleep");
  co_return;
}

TEST_F(rate_limiters, whose_next_token_is_beyond_the_end_of_the_clock_wait_for_good) {
  const auto now = rate_limiter_options::time_point() + 1h;
  rate_limiter_options::time_point until;
  rate_limiter_options slow{.per_second = 1e-200, .now = [=] { return now; }};
  slow.sleep_until = [&](rate_limiter_options::time_point when) {
    until = when;
    return never_wakes();
  };
  rate_limiter limit(slow);
  EXPECT_TRUE(limit.try_acquire());
  EXPECT_THROW(test::run_to_end(limit.acquire()), std::runtime_error);
  EXPECT_EQ(until, rate_limiter_options::time_point::max());
}

TEST_F(rate_limiters, lose_no_token_when_a_waiter_is_cancelled_at_any_step) {
  EXPECT_GE(test::cancel_at_every_step([] {
              auto gate = std::make_shared<tollgate>(10, 1);
              test::scenario all;
              all.before.push_back(pass(gate, 1));
              all.subject.emplace(pass(gate, 1));
              all.after.push_back(pass(gate, 1));
              all.check = [gate](test::ending how) {
                // What the cancelled one did not take is there for the next. At most its sleep has moved the clock.
                if (how == test::ending::completed) {
                  EXPECT_THAT(gate->passed, ElementsAre(0ms, 100ms, 200ms));
                }
                if (how == test::ending::cancelled) {
                  EXPECT_THAT(gate->passed, ElementsAre(0ms, 100ms));
                }
              };
              return all;
            }),
            4u);
}

TEST_F(rate_limiters, sleep_on_a_real_timer_on_any_executor) {
  asio::thread_pool pool(2);
  rate_limiter limit({.per_second = 2000, .burst = 1});
  const auto started = std::chrono::steady_clock::now();
  std::vector<std::future<void>> all;
  for (int i = 0; i < 41; ++i)
    all.push_back(asio::co_spawn(asio::make_strand(pool), limit.acquire(), asio::use_future));
  for (auto& each : all) each.get();
  EXPECT_GE(std::chrono::steady_clock::now() - started, 20ms) << "40 of them had to wait, half a millisecond each";
  pool.join();
}

task<void> acquire_often(rate_limiter& limit, int times) {
  for (int i = 0; i < times; ++i) {
    task<void> turn = limit.acquire();
    co_await std::move(turn);
  }
}

int take_often(rate_limiter& limit, int times) {
  int taken = 0;
  for (int i = 0; i < times; ++i) taken += limit.try_acquire() ? 1 : 0;
  return taken;
}

// Time stands still, so what is taken in all is what was there: a token that two threads take shows.
TEST_F(rate_limiters, hand_out_each_token_once_to_many_threads) {
  constexpr int tokens = 8000;
  const auto stopped = rate_limiter_options::time_point() + 1h;
  rate_limiter limit({.per_second = 1, .burst = tokens, .now = [=] { return stopped; }});
  asio::thread_pool pool(3);
  std::vector<std::future<void>> waiting;
  for (int i = 0; i < 6; ++i)
    waiting.push_back(asio::co_spawn(asio::make_strand(pool), acquire_often(limit, 1000), asio::use_future));
  std::vector<std::future<int>> trying;
  for (int i = 0; i < 2; ++i) trying.push_back(std::async(std::launch::async, take_often, std::ref(limit), 1000));
  for (auto& each : waiting) each.get();
  int taken = 6000;
  for (auto& each : trying) taken += each.get();
  while (limit.try_acquire()) ++taken;
  EXPECT_EQ(taken, tokens);
  pool.join();
}

TEST_F(rate_limiters, may_be_destroyed_while_somebody_sleeps) {
  asio::io_context loop;
  auto limit = std::make_unique<rate_limiter>(rate_limiter_options{.per_second = 1000, .burst = 1});
  EXPECT_TRUE(limit->try_acquire());
  auto first = asio::co_spawn(loop, limit->acquire(), asio::use_future);
  auto second = asio::co_spawn(loop, limit->acquire(), asio::use_future);
  loop.poll();
  limit.reset();
  loop.run();
  EXPECT_NO_THROW(first.get());
  EXPECT_NO_THROW(second.get());
}

}  // namespace
