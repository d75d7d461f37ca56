// Several coroutines, awaited together.

#include <fanout/async/gather.hpp>

#include "support/leaks.hpp"
#include "support/run_to_end.hpp"
#include "support/tasks.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using test::run_to_end;
using testing::ElementsAre;

class gathering : public test::leak_checked {};

/// What became of a child.
struct life {
  int started = 0;
  int ended = 0;
  int cancelled = 0;
};

task<int> living_child(life& seen, std::chrono::milliseconds duration, int value) {
  ++seen.started;
  try {
    task<void> rest = test::pause(duration);
    co_await std::move(rest);
  } catch (const boost::system::system_error& stopped) {
    ++seen.ended;
    if (stopped.code() == asio::error::operation_aborted) ++seen.cancelled;
    throw;
  }
  ++seen.ended;
  if (value < 0) throw std::invalid_argument("negative");
  co_return value;
}

task<int> failing_at_once(life& seen) {
  ++seen.started;
  ++seen.ended;
  throw std::invalid_argument("at once");
  co_return 0;
}

task<std::string> text() {
  task<void> turn = test::yield();
  co_await std::move(turn);
  co_return "text";
}

task<std::unique_ptr<int>> movable(int value) {
  co_return std::make_unique<int>(value);
}

task<void> of_different_types() {
  auto pending = gather(text(), test::after_a_while(7), test::yield(), movable(9));
  const auto [words, seven, nothing, nine] = co_await std::move(pending);
  EXPECT_EQ(words, "text");
  EXPECT_EQ(seven, 7);
  EXPECT_EQ(nothing, std::monostate());
  EXPECT_EQ(*nine, 9);
}

TEST_F(gathering, of_different_types_gives_a_tuple) {
  run_to_end(of_different_types());
}

task<std::vector<int>> in_reverse(life& seen, int count) {
  std::vector<task<int>> children;
  for (int i = 0; i < count; ++i) children.push_back(living_child(seen, std::chrono::milliseconds(2 * (count - i)), i));
  auto pending = gather(std::move(children));
  co_return co_await std::move(pending);
}

TEST_F(gathering, of_a_range_gives_a_vector_in_the_order_of_the_children) {
  life seen;
  EXPECT_THAT(run_to_end(in_reverse(seen, 5)), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(seen.ended, 5);
}

TEST_F(gathering, of_nothing_is_over_at_once) {
  life seen;
  EXPECT_TRUE(run_to_end(in_reverse(seen, 0)).empty());
}

TEST_F(gathering, children_overlap) {
  life seen;
  const auto started = std::chrono::steady_clock::now();
  run_to_end(in_reverse(seen, 20));  // 2 + 4 + … + 40 ms, one after the other
  EXPECT_LT(std::chrono::steady_clock::now() - started, 400ms);
}

task<void> with_one_that_fails(life& others, life& culprit, bool at_once) {
  std::vector<task<int>> children;
  children.push_back(living_child(others, 1h, 1));
  children.push_back(at_once ? failing_at_once(culprit) : living_child(culprit, 5ms, -1));
  children.push_back(living_child(others, 1h, 2));
  auto pending = gather(std::move(children));
  co_await std::move(pending);
}

TEST_F(gathering, a_failure_cancels_the_siblings_awaits_them_and_is_thrown) {
  for (const bool at_once : {false, true}) {
    life others;
    life culprit;
    EXPECT_THROW(run_to_end(with_one_that_fails(others, culprit, at_once)), std::invalid_argument);
    EXPECT_EQ(culprit.ended, 1);
    EXPECT_EQ(others.ended, others.started);
    EXPECT_EQ(others.cancelled, others.started);
    EXPECT_EQ(others.started, at_once ? 1 : 2) << "where one has failed, none begins any more";
  }
}

task<int> nested_echo(int x) {
  auto inner = gather(test::echo(x), test::echo(1));
  const auto [value, one] = co_await std::move(inner);
  co_return value* one;
}

TEST_F(gathering, children_that_end_at_once_take_no_stack) {
  for (const std::size_t limit : {1U, 200'000U}) {
    std::vector<task<int>> children;
    for (int i = 0; i < 200'000; ++i) children.push_back(i % 20'000 == 0 ? nested_echo(i) : test::echo(i));
    const auto values = run_to_end(gather(std::move(children), concurrency_limit(limit)));
    EXPECT_EQ(values.front(), 0);
    EXPECT_EQ(values.back(), 199'999);
  }
}

task<void> stubborn(bool& ended) {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  task<void> rest = test::pause(30ms);
  co_await std::move(rest);
  ended = true;
}

task<void> beside_a_stubborn_one(bool& ended, life& culprit) {
  auto pending = gather(stubborn(ended), failing_at_once(culprit));
  co_await std::move(pending);
}

TEST_F(gathering, a_sibling_that_ignores_its_cancellation_is_awaited) {
  bool ended = false;
  life culprit;
  EXPECT_THROW(run_to_end(beside_a_stubborn_one(ended, culprit)), std::invalid_argument);
  EXPECT_TRUE(ended);
}

task<void> of_two_that_fail() {
  life seen;
  auto pending = gather(living_child(seen, 20ms, -1), failing_at_once(seen));
  co_await std::move(pending);
}

task<int> with_a_state_of_its_own(life& seen) {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  task<void> turn = test::yield();
  co_await std::move(turn);
  co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
  task<int> rest = living_child(seen, 1h, 1);
  co_return co_await std::move(rest);
}

TEST_F(gathering, a_child_that_resets_its_cancellation_state_still_hears_of_it) {
  life seen;
  life culprit;
  EXPECT_THROW(run_to_end(gather(with_a_state_of_its_own(seen), living_child(culprit, 5ms, -1))),
               std::invalid_argument);
  EXPECT_EQ(seen.started, 1);
  EXPECT_EQ(seen.cancelled, 1);
}

TEST_F(gathering, the_first_failure_in_time_is_the_one_thrown) {
  try {
    run_to_end(of_two_that_fail());
    FAIL();
  } catch (const std::invalid_argument& thrown) {
    EXPECT_STREQ(thrown.what(), "at once");
  }
}

TEST_F(gathering, cancelling_the_parent_cancels_the_children) {
  asio::io_context loop;
  asio::cancellation_signal stop;
  life seen;
  std::exception_ptr outcome;
  asio::co_spawn(loop, in_reverse(seen, 3),
                 asio::bind_cancellation_slot(stop.slot(),
                                              [&](std::exception_ptr failed, std::vector<int>) { outcome = failed; }));
  asio::post(loop, [&] { stop.emit(asio::cancellation_type::terminal); });
  loop.run();
  EXPECT_EQ(seen.started, 3);
  EXPECT_EQ(seen.cancelled, 3);
  EXPECT_THROW(std::rethrow_exception(outcome), boost::system::system_error);
}

task<int> nested(life& seen, int depth) {
  if (depth == 0) {
    auto leaf = living_child(seen, 1ms, 1);
    co_return co_await std::move(leaf);
  }
  auto both = gather(nested(seen, depth - 1), nested(seen, depth - 1));
  const auto [left, right] = co_await std::move(both);
  co_return left + right;
}

TEST_F(gathering, gathers_nest) {
  life seen;
  EXPECT_EQ(run_to_end(nested(seen, 6)), 64);
}

task<int> sum_of_echoes(int count) {
  std::vector<task<int>> children;
  for (int i = 0; i < count; ++i) children.push_back(test::echo(i));
  auto pending = gather(std::move(children));
  const auto values = co_await std::move(pending);
  co_return std::accumulate(values.begin(), values.end(), 0);
}

TEST_F(gathering, many_that_never_suspend) {
  EXPECT_EQ(run_to_end(sum_of_echoes(20'000)), 20'000 * 19'999 / 2);
}

TEST_F(gathering, works_on_each_thread_of_a_pool) {
  asio::thread_pool pool(3);
  std::vector<std::future<int>> results;
  for (int i = 0; i < 50; ++i)
    results.push_back(asio::co_spawn(asio::make_strand(pool), sum_of_echoes(100), asio::use_future));
  for (auto& each : results) EXPECT_EQ(each.get(), 4950);
  pool.join();
}

task<void> destroyed_in_mid_air(life& seen) {
  auto pending = gather(living_child(seen, 1h, 1), living_child(seen, 1h, 2));
  co_await std::move(pending);
}

TEST_F(gathering, a_loop_may_be_destroyed_in_the_middle_of_one) {
  life seen;
  {
    asio::io_context loop;
    asio::co_spawn(loop, destroyed_in_mid_air(seen), [](std::exception_ptr) {});
    loop.poll();
    EXPECT_EQ(seen.started, 2);
  }
  EXPECT_EQ(seen.ended, 0) << "they were destroyed where they were";
}

}  // namespace
