// Coroutines that get only so much time, or must not be disturbed.

#include <fanout/async/async.hpp>
#include <fanout/base/failure.hpp>

#include "async/driving.hpp"
#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using test::census;
using test::run_to_end;

constexpr auto never = 1h;
constexpr auto soon = 2ms;

class time_limits : public test::leak_checked {};

/// The kind and message of the `fanout::error` that `work` throws.
template <class T>
std::pair<failure_kind, std::string> error_of(task<T> work) {
  try {
    run_to_end(std::move(work));
  } catch (const error& thrown) {
    return {thrown.kind(), thrown.what()};
  }
  return {failure_kind::task_failed, "no error"};
}

TEST_F(time_limits, a_task_in_time_gives_its_value) {
  EXPECT_EQ(run_to_end(timeout(never, test::after_a_while(3))), 3);
  EXPECT_EQ(run_to_end(timeout(never, test::echo(4))), 4);
}

TEST_F(time_limits, beyond_the_end_of_the_clock_never_expire) {
  using clock = std::chrono::steady_clock;
  EXPECT_EQ(run_to_end(timeout(clock::duration::max(), test::after_a_while(1))), 1);
  EXPECT_EQ(run_to_end(timeout(std::chrono::milliseconds::max(), test::after_a_while(2))), 2);
  EXPECT_EQ(run_to_end(timeout(std::chrono::hours::max(), test::after_a_while(3))), 3);
  EXPECT_EQ(run_to_end(timeout(std::chrono::years(400), test::after_a_while(4))), 4);
  EXPECT_EQ(run_to_end(timeout(std::chrono::duration<double>(1e300), test::after_a_while(5))), 5);
  EXPECT_EQ(run_to_end(timeout_at(clock::time_point::max(), test::after_a_while(6))), 6);
  EXPECT_EQ(run_to_end(timeout_at(std::chrono::time_point<clock, std::chrono::hours>::max(), test::after_a_while(7))),
            7);
}

TEST_F(time_limits, of_zero_and_less_have_expired) {
  census seen;
  for (const auto limit : {std::chrono::hours(0), std::chrono::hours(-1), std::chrono::hours::min()})
    EXPECT_EQ(error_of(timeout(limit, test::counted_sleep(seen))).first, failure_kind::timeout);
  EXPECT_EQ(error_of(timeout_at(std::chrono::steady_clock::time_point::min(), test::counted_sleep(seen))).first,
            failure_kind::timeout);
  EXPECT_EQ(seen.begun, 4);
}

TEST_F(time_limits, a_late_task_is_cancelled_awaited_and_told_of) {
  census seen;
  const auto [kind, message] = error_of(timeout(soon, test::counted_sleep(seen)));
  EXPECT_EQ(kind, failure_kind::timeout);
  EXPECT_EQ(message, "not done within 2 ms");
  EXPECT_EQ(seen.cancelled, 1);
  EXPECT_EQ(seen.alive, 0);
}

TEST_F(time_limits, a_point_in_time_that_has_passed_still_lets_the_task_begin) {
  census seen;
  EXPECT_EQ(error_of(timeout_at(std::chrono::steady_clock::now() - 1s, test::counted_sleep(seen))).first,
            failure_kind::timeout);
  EXPECT_EQ(seen.begun, 1);
}

task<int> fails() {
  throw std::out_of_range("its own");
  co_return 0;
}

TEST_F(time_limits, a_failure_of_the_task_is_its_own) {
  EXPECT_THROW(run_to_end(timeout(never, fails())), std::out_of_range);
  EXPECT_THROW(run_to_end(shield(fails())), std::out_of_range);
}

task<int> finish_although_cancelled() {
  co_await asio::this_coro::throw_if_cancelled(false);
  task<void> rest = sleep(never);
  try {
    co_await std::move(rest);
  } catch (const boost::system::system_error&) {
  }
  co_return 11;
}

TEST_F(time_limits, a_value_that_comes_in_spite_of_the_cancellation_is_not_lost) {
  EXPECT_EQ(run_to_end(timeout(soon, finish_although_cancelled())), 11);
}

task<std::unique_ptr<int>> value_at(std::chrono::steady_clock::time_point when) {
  task<void> rest = sleep_until(when);
  co_await std::move(rest);
  co_return std::make_unique<int>(1);
}

/// Whether the value came, or else the timeout; anything else is thrown.
task<bool> race_with_its_deadline() {
  const auto when = std::chrono::steady_clock::now() + 50us;
  auto limited = timeout_at(when, value_at(when));
  try {
    const auto value = co_await std::move(limited);
    co_return *value == 1;
  } catch (const error& thrown) {
    if (thrown.kind() != failure_kind::timeout) throw;
  }
  co_return false;
}

TEST_F(time_limits, completion_and_deadline_in_the_same_moment) {
  int came = 0;
  for (int i = 0; i < 500; ++i) came += run_to_end(race_with_its_deadline());
  SUCCEED() << came << " values of 500";
}

task<int> both_timers_due() {
  // Both timers are due in the same turn; the task's came first, so its value counts.
  const auto past = std::chrono::steady_clock::now() - 1s;
  auto limited = timeout_at(past, value_at(past));
  const auto value = co_await std::move(limited);
  co_return *value;
}

TEST_F(time_limits, a_deadline_that_expires_beside_the_completion_takes_no_value_away) {
  EXPECT_EQ(run_to_end(both_timers_due()), 1);
}

TEST_F(time_limits, nested_the_inner_one_says_that_it_expired) {
  EXPECT_EQ(error_of(timeout(never, timeout(soon, sleep(never)))).second, "not done within 2 ms");
}

task<void> expect_outer_expiry(bool& inner_claimed) {
  auto inner = timeout(never, sleep(never));
  try {
    co_await std::move(inner);
  } catch (const error&) {
    inner_claimed = true;
    throw;
  }
}

TEST_F(time_limits, nested_an_outer_expiry_is_not_the_inner_ones) {
  bool inner_claimed = false;
  EXPECT_EQ(error_of(timeout(soon, expect_outer_expiry(inner_claimed))).second, "not done within 2 ms");
  EXPECT_FALSE(inner_claimed);
}

task<void> slow_to_clean_up(census& seen) {
  const test::alive here(seen);
  bool stopped = false;
  task<void> rest = sleep(never);
  try {
    co_await std::move(rest);
  } catch (const boost::system::system_error&) {
    stopped = true;
  }
  if (stopped) {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    task<void> cleaning = sleep(10ms);
    co_await std::move(cleaning);
    ++seen.cancelled;
    throw boost::system::system_error(asio::error::operation_aborted);
  }
}

TEST_F(time_limits, nested_the_one_that_expired_first_is_told_though_the_other_expires_before_the_end) {
  census seen;
  EXPECT_EQ(error_of(timeout(5ms, timeout(soon, slow_to_clean_up(seen)))).second, "not done within 2 ms");
  EXPECT_EQ(error_of(timeout(soon, timeout(5ms, slow_to_clean_up(seen)))).second, "not done within 2 ms");
  EXPECT_EQ(seen.cancelled, 2);
}

task<void> limited_scenario(census& seen) {
  auto work = timeout(never, timeout(never, test::counted_steps(seen, 4)));
  co_await std::move(work);
  auto more = timeout(never, test::counted_steps(seen, 0));
  co_await std::move(more);
}

TEST_F(time_limits, cancelled_at_every_step) {
  test::cancel_at_every_step(limited_scenario);
}

TEST_F(time_limits, destroyed_at_every_step) {
  test::destroy_at_every_step(limited_scenario);
}

task<int> many_limits(int count) {
  int sum = 0;
  for (int i = 0; i < count; ++i) {
    auto limited = timeout(i % 3 == 0 ? 0ns : std::chrono::nanoseconds(never), test::echo(1));
    sum += co_await std::move(limited);
  }
  co_return sum;
}

TEST_F(time_limits, work_on_strands_of_a_pool) {
  asio::thread_pool pool(3);
  std::vector<std::future<int>> results;
  for (int i = 0; i < 20; ++i)
    results.push_back(asio::co_spawn(asio::make_strand(pool), many_limits(100), asio::use_future));
  for (auto& each : results) EXPECT_EQ(each.get(), 100);
  pool.join();
}

class shielding : public test::leak_checked {};

task<void> shielded_steps(census& seen, bool& went_on) {
  auto kept = shield(test::counted_steps(seen, 5));
  co_await std::move(kept);
  went_on = true;
  task<void> turn = yield();  // the cancellation is seen here
  co_await std::move(turn);
  ADD_FAILURE() << "it was cancelled";
}

TEST_F(shielding, runs_to_the_end_and_the_awaiter_waits_for_it) {
  asio::io_context loop;
  asio::cancellation_signal stop;
  census seen;
  bool went_on = false;
  std::exception_ptr failed;
  asio::co_spawn(loop, shielded_steps(seen, went_on),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr thrown) { failed = thrown; }));
  loop.poll_one();
  EXPECT_EQ(seen.alive, 1);
  stop.emit(asio::cancellation_type::terminal);
  loop.run();
  EXPECT_EQ(seen.completed, 1);
  EXPECT_TRUE(went_on);
  EXPECT_THROW(std::rethrow_exception(failed), boost::system::system_error);
}

TEST_F(shielding, a_timeout_waits_for_what_is_shielded_and_keeps_its_value) {
  EXPECT_EQ(run_to_end(timeout(1ms, shield(test::after_a_while(6)))), 6);
}

task<void> shielded_scenario(census& seen) {
  auto work = shield(test::counted_steps(seen, 4));
  co_await std::move(work);
}

TEST_F(shielding, cancelled_at_every_step) {
  test::cancel_at_every_step(shielded_scenario);
}

TEST_F(shielding, destroyed_at_every_step) {
  test::destroy_at_every_step(shielded_scenario);
}

class sleeping : public test::leak_checked {};

TEST_F(sleeping, lasts_as_long_as_asked) {
  const auto started = std::chrono::steady_clock::now();
  run_to_end(sleep(3ms));
  EXPECT_GE(std::chrono::steady_clock::now() - started, 3ms);
  run_to_end(sleep_until(started + 5ms));
  EXPECT_GE(std::chrono::steady_clock::now() - started, 5ms);
  run_to_end(sleep(-1s));
}

task<void> note_turns(std::vector<int>& order, int who) {
  for (int i = 0; i < 3; ++i) {
    order.push_back(who);
    task<void> turn = yield();
    co_await std::move(turn);
  }
}

TEST_F(sleeping, yield_lets_the_others_take_turns) {
  std::vector<int> order;
  run_to_end(gather(note_turns(order, 1), note_turns(order, 2)));
  EXPECT_THAT(order, testing::ElementsAre(1, 2, 1, 2, 1, 2));
}

}  // namespace
