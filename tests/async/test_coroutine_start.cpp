// How a scope starts a child, and how a cancellation reaches it.

#include <fanout/async/detail/coroutine_start.hpp>

#include "async/driving.hpp"
#include "support/leaks.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <gtest/gtest.h>

#include <exception>
#include <optional>
#include <utility>

namespace {

using namespace fanout;
using detail::cancellation_relay;
using test::census;

class coroutine_starts : public test::leak_checked {};

struct end_seen {
  bool ended = false;
  std::exception_ptr failed;
};

detail::coroutine_entry carry(task<void> work, end_seen& seen) {
  try {
    co_await std::move(work);
  } catch (...) {
    seen.failed = std::current_exception();
  }
  seen.ended = true;
}

/// Starts `work` on a loop, as a coroutine of its own, from a handler of that loop. As a parent does, it counts as work
/// of the loop, until `finish`.
struct started {
  started(task<void> work, asio::io_context& loop) : parent(asio::make_work_guard(loop)) {
    asio::post(loop, [this, &loop, entry = carry(std::move(work), end)]() mutable {
      detail::start_coroutine(std::move(entry), loop.get_executor(), cancel);
      returned = true;
    });
  }
  /// Runs the loop to its end.
  void finish(asio::io_context& loop) {
    parent.reset();
    loop.run();
  }
  asio::executor_work_guard<asio::io_context::executor_type> parent;
  end_seen end;
  cancellation_relay cancel;
  bool returned = false;
};

task<void> note_then_yield(bool& begun) {
  begun = true;
  task<void> turn = yield();
  co_await std::move(turn);
}

TEST_F(coroutine_starts, runs_within_the_call_up_to_the_first_wait) {
  asio::io_context loop;
  bool begun = false;
  started one(note_then_yield(begun), loop);
  loop.run_one();
  EXPECT_TRUE(begun);
  EXPECT_TRUE(one.returned);
  EXPECT_FALSE(one.end.ended);
  one.finish(loop);
  EXPECT_TRUE(one.end.ended);
  EXPECT_FALSE(one.end.failed);
}

task<void> end_at_once() {
  co_return;
}

TEST_F(coroutine_starts, one_that_never_waits_ends_within_the_call) {
  asio::io_context loop;
  started one(end_at_once(), loop);
  loop.run_one();
  EXPECT_TRUE(one.returned);
  EXPECT_TRUE(one.end.ended);
}

TEST_F(coroutine_starts, a_cancellation_reaches_the_wait) {
  asio::io_context loop;
  census seen;
  started one(test::counted_sleep(seen), loop);
  loop.run_one();
  EXPECT_EQ(seen.alive, 1);
  one.cancel.emit(asio::cancellation_type::terminal);
  one.finish(loop);
  EXPECT_TRUE(one.end.ended);
  EXPECT_TRUE(one.end.failed);
  EXPECT_EQ(seen.cancelled, 1);
}

task<void> sleep_after_reset(census& seen) {
  co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
  task<void> rest = test::counted_sleep(seen);
  co_await std::move(rest);
}

TEST_F(coroutine_starts, a_cancellation_reaches_a_coroutine_that_has_reset_its_state) {
  asio::io_context loop;
  census seen;
  started one(sleep_after_reset(seen), loop);
  loop.run_one();
  EXPECT_EQ(seen.alive, 1);
  one.cancel.emit(asio::cancellation_type::total);  // which the state it started with does not let through
  one.finish(loop);
  EXPECT_TRUE(one.end.ended);
  EXPECT_EQ(seen.cancelled, 1);
}

task<void> deaf(census& seen) {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  task<void> steps = test::counted_steps(seen, 3);
  co_await std::move(steps);
}

TEST_F(coroutine_starts, a_coroutine_may_disable_cancellation) {
  asio::io_context loop;
  census seen;
  started one(deaf(seen), loop);
  loop.run_one();
  one.cancel.emit(asio::cancellation_type::terminal);
  one.finish(loop);
  EXPECT_TRUE(one.end.ended);
  EXPECT_FALSE(one.end.failed);
  EXPECT_EQ(seen.completed, 1);
}

TEST(cancellation_relay, without_a_coroutine_does_nothing) {
  cancellation_relay relay;
  relay.emit(asio::cancellation_type::terminal);
  EXPECT_FALSE(relay.slot().has_handler());
}

TEST(cancellation_relay, keeps_what_was_emitted_in_the_state) {
  cancellation_relay relay;
  const asio::cancellation_state state = relay.state();
  EXPECT_EQ(state.cancelled(), asio::cancellation_type::none);
  relay.emit(asio::cancellation_type::terminal);
  EXPECT_EQ(state.cancelled(), asio::cancellation_type::terminal);
}

}  // namespace
