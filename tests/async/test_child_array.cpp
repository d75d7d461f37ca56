// Children whose number is known, a limit to how many run at once, and what their ends mean.

#include <fanout/async/detail/child_array.hpp>
#include <fanout/async/exception_group.hpp>

#include "async/driving.hpp"
#include "support/leaks.hpp"

#include <boost/asio/this_coro.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace fanout;
using detail::children_of_range;
using test::census;

class child_arrays : public test::leak_checked {};

struct crowd : census {
  int most_alive = 0;
};

/// Suspends so many times, then returns the value, or throws where it is negative.
task<int> child_of(crowd& seen, int turns, int value) {
  const test::alive here(seen);
  seen.most_alive = std::max(seen.most_alive, seen.alive);
  for (int i = 0; i < turns; ++i) {
    task<void> turn = yield();
    co_await std::move(turn);
  }
  if (value < 0) throw std::runtime_error(std::to_string(value));
  ++seen.completed;
  co_return value;
}

/// Runs a rule over one child for each pair of turns and value; `read` is called at the end.
template <class Rule, class Read>
task<void> run_rule(crowd& seen, std::vector<std::pair<int, int>> children, concurrency_limit limit, Read read) {
  std::vector<task<int>> work;
  for (const auto& [turns, value] : children) work.push_back(child_of(seen, turns, value));
  const auto executor = co_await asio::this_coro::executor;
  children_of_range<Rule, int> all(executor, std::move(work), limit, {.name = "child"});
  task<void> run = all.run();
  co_await std::move(run);
  read(all);
}

template <class Rule, class Read>
crowd outcome_of(std::vector<std::pair<int, int>> children, Read read, concurrency_limit limit = {}) {
  crowd seen;
  test::run_to_end(run_rule<Rule>(seen, std::move(children), limit, std::move(read)));
  EXPECT_EQ(seen.alive, 0);
  return seen;
}

TEST(concurrency_limit, is_at_least_one_and_none_by_default) {
  EXPECT_THROW(concurrency_limit(0), std::invalid_argument);
  EXPECT_EQ(concurrency_limit(3).children(), 3U);
  EXPECT_EQ(concurrency_limit().children(), static_cast<std::size_t>(-1));
}

TEST_F(child_arrays, no_more_children_run_than_the_limit_says) {
  const auto values = [](auto& all) {
    all.check();
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all.value(i), static_cast<int>(i));
  };
  std::vector<std::pair<int, int>> children;
  for (int i = 0; i < 20; ++i) children.emplace_back(i % 3, i);
  EXPECT_EQ(outcome_of<detail::all_must_succeed>(children, values, concurrency_limit(4)).most_alive, 4);
  EXPECT_EQ(outcome_of<detail::all_must_succeed>(children, values, concurrency_limit(1)).most_alive, 1);
  EXPECT_EQ(outcome_of<detail::all_must_succeed>(children, values, concurrency_limit(1'000)).completed, 20);
}

TEST_F(child_arrays, all_must_succeed_throws_the_first_failure_in_time_and_lets_none_begin_after_it) {
  const crowd seen = outcome_of<detail::all_must_succeed>(
      {{5, 1}, {1, -2}, {9, -3}, {0, 4}},
      [](auto& all) {
        try {
          all.check();
          ADD_FAILURE() << "it must throw";
        } catch (const std::runtime_error& thrown) {
          EXPECT_STREQ(thrown.what(), "-2");
        }
        EXPECT_THROW(all.check(), boost::system::system_error) << "then those that were cancelled are left";
      },
      concurrency_limit(2));
  EXPECT_EQ(seen.begun, 2);
}

TEST_F(child_arrays, all_settle_keeps_each_failure_in_its_place) {
  outcome_of<detail::all_settle>({{2, -1}, {0, 2}, {1, -3}}, [](auto& all) {
    EXPECT_FALSE(all.take(0).ok());
    EXPECT_EQ(all.take(1).value(), 2);
    EXPECT_THROW(static_cast<void>(all.take(2).value()), std::runtime_error);
    EXPECT_TRUE(detail::is_cancellation(all.failure(1))) << "without a failure of its own";
  });
}

TEST_F(child_arrays, first_to_finish_is_the_first_to_end_even_with_a_failure) {
  const crowd seen = outcome_of<detail::first_to_finish>({{9, 1}, {2, 2}, {5, 3}}, [](auto& all) {
    EXPECT_EQ(all.winner(), 1U);
    EXPECT_EQ(all.value(1), 2);
    EXPECT_FALSE(all.value(0)) << "it was cancelled";
  });
  EXPECT_EQ(seen.completed, 1);
  outcome_of<detail::first_to_finish>({{9, 1}, {2, -2}},
                                      [](auto& all) { EXPECT_THROW(all.winner(), std::runtime_error); });
  outcome_of<detail::first_to_finish>({}, [](auto& all) { EXPECT_THROW(all.winner(), boost::system::system_error); });
}

TEST_F(child_arrays, first_to_succeed_passes_over_failures) {
  outcome_of<detail::first_to_succeed>({{0, -1}, {3, 2}, {1, -3}}, [](auto& all) { EXPECT_EQ(all.winner(), 1U); });
}

TEST_F(child_arrays, first_to_succeed_throws_all_failures_in_the_order_of_time) {
  outcome_of<detail::first_to_succeed>({{4, -1}, {0, -2}, {2, -3}}, [](auto& all) {
    try {
      all.winner();
      ADD_FAILURE() << "nobody has succeeded";
    } catch (const exception_group& thrown) {
      EXPECT_STREQ(thrown.what(), "3 failures: [1] -2; [2] -3; [3] -1");
    }
  });
}

TEST_F(child_arrays, a_range_of_many_that_end_at_once_takes_no_stack) {
  const std::vector<std::pair<int, int>> many(100'000, {0, 1});
  const crowd seen = outcome_of<detail::all_settle>(many, [](auto&) {}, concurrency_limit(1));
  EXPECT_EQ(seen.completed, 100'000);
}

task<void> racing(census& seen) {
  const auto executor = co_await asio::this_coro::executor;
  std::vector<task<void>> work;
  for (int i = 0; i < 3; ++i) work.push_back(test::counted_steps(seen, i + 2));
  children_of_range<detail::first_to_finish, void> all(executor, std::move(work), concurrency_limit(2), {});
  task<void> run = all.run();
  co_await std::move(run);
  all.winner();
}

TEST_F(child_arrays, cancelled_and_destroyed_at_every_step) {
  test::cancel_at_every_step(racing);
  test::destroy_at_every_step(racing);
}

}  // namespace
