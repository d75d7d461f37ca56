// Coroutines that let time pass.

#include <fanout/async/gather.hpp>
#include <fanout/async/sleep.hpp>

#include "async/driving.hpp"
#include "support/leaks.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;
using test::census;
using test::run_to_end;

class sleeps : public test::leak_checked {};

/// Runs `rest` beside a short sleep, on a loop or a strand of it, and cancels it after that. Returns what it threw.
std::exception_ptr still_asleep(task<void> rest, bool on_strand) {
  asio::io_context loop;
  asio::any_io_executor executor = loop.get_executor();
  if (on_strand) executor = asio::make_strand(loop);
  asio::cancellation_signal stop;
  std::exception_ptr failed;
  bool ended = false;
  asio::co_spawn(executor, std::move(rest), asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr why) {
                   failed = std::move(why);
                   ended = true;
                 }));
  asio::co_spawn(executor, sleep(3ms), [&](std::exception_ptr) {
    EXPECT_FALSE(ended) << "it expired at once";
    if (!ended) stop.emit(asio::cancellation_type::terminal);
  });
  loop.run();
  return failed;
}

TEST_F(sleeps, beyond_the_end_of_the_clock_never_ends) {
  for (const bool on_strand : {false, true}) {
    EXPECT_TRUE(still_asleep(sleep(clock_type::duration::max()), on_strand));
    EXPECT_TRUE(still_asleep(sleep(std::chrono::seconds::max()), on_strand));
    EXPECT_TRUE(still_asleep(sleep(std::chrono::hours::max()), on_strand));
    EXPECT_TRUE(still_asleep(sleep(std::chrono::years(300)), on_strand));
    EXPECT_TRUE(still_asleep(sleep(std::chrono::duration<double>(1e30)), on_strand));
    EXPECT_TRUE(still_asleep(sleep_until(clock_type::time_point::max()), on_strand));
    EXPECT_TRUE(still_asleep(sleep_until(std::chrono::time_point<clock_type, std::chrono::hours>::max()), on_strand));
  }
}

TEST_F(sleeps, for_no_or_less_time_ends_in_the_next_turn) {
  run_to_end(sleep(0s));
  run_to_end(sleep(-1h));
  run_to_end(sleep(std::chrono::hours::min()));
  run_to_end(sleep(std::chrono::duration<double>(-1e300)));
  run_to_end(sleep_until(clock_type::time_point::min()));
}

task<std::size_t> one_by_one() {
  std::vector<task<void>> naps;
  for (int i = 0; i < 5; ++i) naps.push_back(sleep(4ms));
  auto all = gather(std::move(naps), concurrency_limit(1));
  const auto rested = co_await std::move(all);
  co_return rested.size();
}

TEST_F(sleeps, begins_when_it_is_awaited) {
  const auto started = clock_type::now();
  EXPECT_EQ(run_to_end(one_by_one()), 5U);
  EXPECT_GE(clock_type::now() - started, 20ms);
}

task<void> append(std::string& text, char first, char second) {
  text += first;
  task<void> turn = yield();
  co_await std::move(turn);
  text += second;
}

TEST_F(sleeps, yield_lets_everything_run_that_is_ready) {
  asio::io_context loop;
  std::string text;
  asio::co_spawn(loop, append(text, 'a', 'A'), asio::detached);
  asio::co_spawn(loop, append(text, 'b', 'B'), asio::detached);
  asio::co_spawn(loop, append(text, 'c', 'C'), asio::detached);
  loop.run();
  EXPECT_EQ(text, "abcABC");
}

task<void> quiet_scenario(census& seen) {
  const test::alive here(seen);
  try {
    task<void> rest = sleep(1ms);
    co_await std::move(rest);
    rest = sleep_until(clock_type::now());
    co_await std::move(rest);
  } catch (...) {
    ++seen.cancelled;
    throw;
  }
  ++seen.completed;
}

TEST_F(sleeps, cancelled_and_destroyed_at_every_step) {
  test::cancel_at_every_step(quiet_scenario);
  test::destroy_at_every_step(quiet_scenario);
}

}  // namespace
