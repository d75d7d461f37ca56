// A timer that keeps no loop running.
#include "http/io/background_timer.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include <optional>

namespace {

namespace asio = boost::asio;
using fanout::http::background_timer;
using clock_type = background_timer::clock;
using namespace std::chrono_literals;

TEST(background_timer, it_keeps_no_loop_running) {
  asio::io_context loop(1);
  int fired = 0;
  background_timer timer(loop, [&] { ++fired; });
  timer.set(clock_type::now() + 1h);
  loop.run();
  EXPECT_EQ(fired, 0);
  EXPECT_NE(timer.set_for(), clock_type::time_point::max());
}

TEST(background_timer, it_fires_once_while_the_loop_runs_for_other_reasons) {
  asio::io_context loop(1);
  auto work = std::make_optional(asio::make_work_guard(loop));
  int fired = 0;
  background_timer timer(loop, [&] {
    ++fired;
    work.reset();
  });
  timer.set(clock_type::now());
  loop.run();
  EXPECT_EQ(fired, 1);
  EXPECT_EQ(timer.set_for(), clock_type::time_point::max());
}

TEST(background_timer, late_when_the_loop_stood_still_at_its_time) {
  asio::io_context loop(1);
  int fired = 0;
  background_timer timer(loop, [&] { ++fired; });
  timer.set(clock_type::now() - 1s);
  loop.run();  // nothing else to do: it returns at once
  loop.restart();
  asio::steady_timer other(loop, clock_type::now());
  other.async_wait([](auto) {});
  loop.run();
  EXPECT_LE(fired, 1);
  auto work = asio::make_work_guard(loop);
  loop.restart();
  while (fired == 0) loop.run_one();
  EXPECT_EQ(fired, 1);
}

TEST(background_timer, set_anew_it_forgets_the_time_before) {
  asio::io_context loop(1);
  auto work = std::make_optional(asio::make_work_guard(loop));
  int fired = 0;
  background_timer timer(loop, [&] {
    ++fired;
    work.reset();
  });
  timer.set(clock_type::now() + 1h);
  const auto soon = clock_type::now();
  timer.set(soon);
  EXPECT_EQ(timer.set_for(), soon);
  loop.run();
  EXPECT_EQ(fired, 1);
}

TEST(background_timer, cleared_or_destroyed_it_fires_no_more) {
  asio::io_context loop(1);
  int fired = 0;
  {
    background_timer cleared(loop, [&] { ++fired; });
    cleared.set(clock_type::now());
    cleared.clear();
    EXPECT_EQ(cleared.set_for(), clock_type::time_point::max());
    background_timer destroyed(loop, [&] { ++fired; });
    destroyed.set(clock_type::now());
  }
  asio::steady_timer other(loop, clock_type::now());
  other.async_wait([](auto) {});
  loop.run();
  EXPECT_EQ(fired, 0);
}

}  // namespace
