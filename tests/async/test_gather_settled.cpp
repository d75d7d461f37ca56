// What became of each of several coroutines; limits to how many run at the same time.

#include <fanout/async/async.hpp>

#include "async/driving.hpp"
#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <vector>

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using test::census;
using test::run_to_end;

class settling : public test::leak_checked {};

task<int> even_or_throw(int x) {
  task<void> turn = yield();
  co_await std::move(turn);
  if (x % 2) throw std::invalid_argument("odd");
  co_return x;
}

TEST_F(settling, keeps_values_and_failures_in_order) {
  std::vector<task<int>> work;
  for (int i = 0; i < 4; ++i) work.push_back(even_or_throw(i));
  const auto results = run_to_end(gather_settled(std::move(work)));
  ASSERT_EQ(results.size(), 4U);
  for (int i = 0; i < 4; ++i) {
    const auto& each = results[static_cast<std::size_t>(i)];
    EXPECT_EQ(each.ok(), i % 2 == 0);
    EXPECT_EQ(each.exception() == nullptr, i % 2 == 0);
    if (i % 2) {
      EXPECT_THROW(each.value(), std::invalid_argument);
    } else {
      EXPECT_EQ(each.value(), i);
    }
  }
}

TEST_F(settling, of_different_types_gives_a_tuple) {
  census seen;
  auto [four, nothing, odd] =
      run_to_end(gather_settled(even_or_throw(4), test::counted_steps(seen, 1), even_or_throw(5)));
  EXPECT_EQ(four.value(), 4);
  EXPECT_TRUE(nothing);
  EXPECT_FALSE(odd);
}

/// Counts how many are under way together.
task<int> crowded(int& now, int& most, int steps) {
  most = std::max(most, ++now);
  for (int i = 0; i < steps; ++i) {
    task<void> turn = yield();
    co_await std::move(turn);
  }
  co_return --now;
}

TEST_F(settling, a_limit_is_reached_and_kept) {
  for (const std::size_t limit : {1U, 3U, 50U}) {
    int now = 0;
    int most = 0;
    std::vector<task<int>> work;
    for (int i = 0; i < 20; ++i) work.push_back(crowded(now, most, i % 4));
    EXPECT_EQ(run_to_end(gather(std::move(work), concurrency_limit(limit))).size(), 20U);
    EXPECT_EQ(now, 0);
    EXPECT_EQ(most, static_cast<int>(std::min<std::size_t>(limit, 15))) << "five of the 20 never suspend";
  }
}

task<void> fail() {
  task<void> turn = yield();
  co_await std::move(turn);
  throw std::invalid_argument("fails");
}

TEST_F(settling, after_a_failure_under_a_limit_no_more_begin) {
  census seen;
  std::vector<task<void>> work;
  work.push_back(fail());
  for (int i = 0; i < 5; ++i) work.push_back(test::counted_sleep(seen));
  EXPECT_THROW(run_to_end(gather(std::move(work), concurrency_limit(2))), std::invalid_argument);
  EXPECT_EQ(seen.begun, 1);
  EXPECT_EQ(seen.cancelled, 1);
}

task<void> settled_scenario(census& seen) {
  std::vector<task<void>> work;
  for (int i = 0; i < 4; ++i) work.push_back(test::counted_steps(seen, i + 1));
  auto all = gather_settled(std::move(work), concurrency_limit(2));
  const auto results = co_await std::move(all);
  EXPECT_EQ(std::count_if(results.begin(), results.end(), [](const auto& each) { return each.ok(); }), seen.completed)
      << "what a child made of its cancellation is returned all the same";
}

task<void> gather_scenario(census& seen) {
  auto pending =
      gather(test::counted_steps(seen, 2), gather(test::counted_steps(seen, 3), test::counted_steps(seen, 1)));
  co_await std::move(pending);
  std::vector<task<void>> work;
  for (int i = 0; i < 3; ++i) work.push_back(test::counted_steps(seen, 2));
  auto limited = gather(std::move(work), concurrency_limit(1));
  co_await std::move(limited);
}

TEST_F(settling, cancelled_at_every_step) {
  test::cancel_at_every_step(settled_scenario);
}

TEST_F(settling, gather_cancelled_at_every_step) {
  test::cancel_at_every_step(gather_scenario);
}

TEST_F(settling, destroyed_at_every_step) {
  test::destroy_at_every_step(settled_scenario);
  test::destroy_at_every_step(gather_scenario);
}

task<void> gather_with_culprit(census& seen, int culprit) {
  std::vector<task<void>> work;
  for (int i = 0; i < 4; ++i) work.push_back(i == culprit ? fail() : test::counted_sleep(seen));
  auto all = gather(std::move(work));
  co_await std::move(all);
}

TEST_F(settling, gather_leaves_no_sibling_running_whichever_fails) {
  for (int culprit = 0; culprit < 4; ++culprit) {
    census seen;
    EXPECT_THROW(run_to_end(gather_with_culprit(seen, culprit)), std::invalid_argument);
    EXPECT_EQ(seen.cancelled, 3);
    EXPECT_EQ(seen.alive, 0);
  }
}

task<void> cancel_everything(asio::cancellation_signal& stop) {
  stop.emit(asio::cancellation_type::terminal);
  co_return;
}

task<void> cancelled_by_a_child(asio::cancellation_signal& stop, census& seen) {
  auto all = gather(test::counted_sleep(seen), cancel_everything(stop), test::counted_sleep(seen));
  co_await std::move(all);
}

TEST_F(settling, a_child_may_cancel_the_awaiting_coroutine_while_its_siblings_are_being_started) {
  asio::io_context loop;
  asio::cancellation_signal stop;
  census seen;
  std::exception_ptr failed;
  asio::co_spawn(loop, cancelled_by_a_child(stop, seen),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr thrown) { failed = thrown; }));
  loop.run();
  EXPECT_THROW(std::rethrow_exception(failed), boost::system::system_error);
  EXPECT_EQ(seen.cancelled, seen.begun);
  EXPECT_EQ(seen.alive, 0);
}

}  // namespace
