// Many points in time on one timer: what sleeping coroutines and time limits stand on.

#include <fanout/async/async.hpp>

#include "async/driving.hpp"
#include "support/leaks.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <future>
#include <random>
#include <thread>
#include <vector>

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;
using test::census;
using test::run_to_end;

class timers : public test::leak_checked {};

task<void> wake_at(clock_type::time_point when, std::vector<clock_type::time_point>& woken) {
  task<void> rest = sleep_until(when);
  co_await std::move(rest);
  EXPECT_GE(clock_type::now(), when);
  woken.push_back(when);
}

std::vector<clock_type::time_point> scrambled_times(std::size_t count) {
  const auto now = clock_type::now();
  std::vector<clock_type::time_point> times;
  for (std::size_t i = 0; i < count; ++i) times.push_back(now + i * 20us);
  std::shuffle(times.begin(), times.end(), std::mt19937(7));
  return times;
}

TEST_F(timers, fire_in_the_order_of_their_times) {
  asio::io_context loop;
  std::vector<clock_type::time_point> woken;
  for (const auto when : scrambled_times(1'000)) asio::co_spawn(loop, wake_at(when, woken), asio::detached);
  loop.run();
  EXPECT_EQ(woken.size(), 1'000U);
  EXPECT_TRUE(std::is_sorted(woken.begin(), woken.end()));
}

TEST_F(timers, that_are_stopped_leave_the_others_in_order_and_do_not_keep_the_loop) {
  asio::io_context loop;
  std::vector<clock_type::time_point> woken;
  std::deque<asio::cancellation_signal> stop;
  census seen;
  const auto times = scrambled_times(1'000);
  for (std::size_t i = 0; i < times.size(); ++i) {
    asio::co_spawn(loop, wake_at(times[i], woken), asio::detached);
    if (i % 2 == 0)
      asio::co_spawn(loop, test::counted_sleep(seen),
                     asio::bind_cancellation_slot(stop.emplace_back().slot(), [](std::exception_ptr) {}));
  }
  while (seen.alive < 500) loop.poll_one();  // Asio forgets a coroutine that is cancelled before it has begun
  for (const std::size_t stride : {3U, 2U, 1U})
    for (std::size_t i = 0; i < stop.size(); i += stride) stop[i].emit(asio::cancellation_type::terminal);
  loop.run();  // none of those that sleep for an hour keeps it
  EXPECT_EQ(seen.cancelled, 500);
  EXPECT_EQ(seen.alive, 0);
  EXPECT_EQ(woken.size(), 1'000U);
  EXPECT_TRUE(std::is_sorted(woken.begin(), woken.end()));
}

task<void> sleep_and_count(std::chrono::milliseconds duration, int& woken) {
  task<void> rest = sleep(duration);
  co_await std::move(rest);
  ++woken;
}

TEST_F(timers, an_earlier_one_is_not_held_up_by_one_that_was_set_before) {
  int woken = 0;
  asio::io_context loop;
  asio::co_spawn(loop, sleep_and_count(std::chrono::hours(1), woken), asio::detached);
  for (const auto duration : {50ms, 20ms, 5ms, 1ms})
    asio::co_spawn(loop, sleep_and_count(duration, woken), asio::detached);
  while (woken < 4) loop.run_one();
  EXPECT_EQ(woken, 4);
}

task<void> set_stop_and_set_again() {
  for (int i = 0; i < 50; ++i) {
    auto limited = timeout(1h, yield());  // set and stopped; nothing is left on the clock
    co_await std::move(limited);
    if (i % 10 == 0) {
      task<void> turn = yield();  // time for the clock to come to rest
      co_await std::move(turn);
      task<void> rest = sleep(1ms);
      co_await std::move(rest);
    }
  }
}

TEST_F(timers, a_clock_that_has_come_to_rest_goes_on) {
  run_to_end(set_stop_and_set_again());
}

TEST_F(timers, a_loop_that_has_returned_may_be_run_again) {
  asio::io_context loop;
  for (int i = 0; i < 3; ++i) {
    bool done = false;
    asio::co_spawn(loop, timeout(1h, yield()), [&done](std::exception_ptr) { done = true; });
    loop.run();
    EXPECT_TRUE(done);
    asio::co_spawn(loop, sleep(1ms), [&done](std::exception_ptr) { done = false; });
    loop.restart();
    loop.run();
    EXPECT_FALSE(done);
    loop.restart();
  }
}

task<void> nap_often(std::atomic<int>& naps, unsigned seed) {
  std::mt19937 random(seed);
  for (int i = 0; i < 20; ++i) {
    task<void> rest = sleep(std::chrono::microseconds(random() % 300));
    co_await std::move(rest);
    ++naps;
  }
}

TEST_F(timers, may_be_set_by_all_threads_of_a_context) {
  asio::io_context loop;
  std::atomic<int> naps = 0;
  for (unsigned i = 0; i < 200; ++i) asio::co_spawn(loop, nap_often(naps, i), asio::detached);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { loop.run(); });
  threads.clear();
  EXPECT_EQ(naps, 200 * 20);
}

task<int> short_limits() {
  int late = 0;
  for (int i = 0; i < 20; ++i) {
    auto limited = timeout(std::chrono::microseconds(50 * (i % 3)), sleep(i % 2 ? 0s : 1h));
    try {
      co_await std::move(limited);
    } catch (const error&) {
      ++late;
    }
  }
  co_return late;
}

TEST_F(timers, have_timers_of_their_own_on_strands) {
  asio::io_context loop;
  std::vector<std::future<int>> late;
  for (int i = 0; i < 20; ++i)
    late.push_back(asio::co_spawn(asio::make_strand(loop), short_limits(), asio::use_future));
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&] { loop.run(); });
  threads.clear();
  for (auto& each : late) EXPECT_GE(each.get(), 10);
}

TEST_F(timers, sleepers_are_destroyed_with_their_loop) {
  census seen;
  {
    asio::io_context loop;
    for (int i = 0; i < 100; ++i) asio::co_spawn(loop, test::counted_sleep(seen), asio::detached);
    loop.poll();
    EXPECT_EQ(seen.alive, 100);
  }
  EXPECT_EQ(seen.alive, 0);
}

task<void> sleeping_scenario(census& seen) {
  auto some = gather(test::counted_steps(seen, 2), timeout(5ms, test::counted_steps(seen, 1)));
  co_await std::move(some);
  auto race = race_to_finish(test::counted_sleep(seen), sleep(1ms));
  co_await std::move(race);
}

TEST_F(timers, cancelled_at_every_step) {
  test::cancel_at_every_step(sleeping_scenario);
}

TEST_F(timers, destroyed_at_every_step) {
  test::destroy_at_every_step(sleeping_scenario);
}

}  // namespace
