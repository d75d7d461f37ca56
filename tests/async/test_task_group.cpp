// A scope that coroutines are spawned into.

#include <fanout/async/async.hpp>

#include "async/driving.hpp"
#include "support/leaks.hpp"
#include "support/tasks.hpp"

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

class grouping : public test::leak_checked {};

task<int> values_of_two(task_group& group) {
  const auto first = group.spawn(test::echo(3));
  const auto second = group.spawn(test::after_a_while(4));
  auto of_second = second.result();
  const int four = co_await std::move(of_second);
  auto of_first = first.result();
  const int three = co_await std::move(of_first);
  EXPECT_TRUE(first.done() && second.done());
  co_return 10 * three + four;
}

TEST_F(grouping, handles_give_the_values_and_the_body_its_own) {
  EXPECT_EQ(run_to_end(with_task_group(values_of_two)), 34);
}

TEST_F(grouping, awaits_children_nobody_asked_for) {
  census seen;
  run_to_end(with_task_group([&](task_group& group) -> task<void> {
    for (int i = 0; i < 5; ++i) group.spawn(test::counted_steps(seen, 3));
    co_return;
  }));
  EXPECT_EQ(seen.begun, 5);
  EXPECT_EQ(seen.completed, 5);
}

task<void> spawn_two_each(task_group& group, census& seen, int depth) {
  const test::alive here(seen);
  task<void> turn = yield();
  co_await std::move(turn);
  if (depth > 0)
    for (int i = 0; i < 2; ++i) group.spawn(spawn_two_each(group, seen, depth - 1));
  ++seen.completed;
}

TEST_F(grouping, children_spawn_children_also_after_the_body_has_ended) {
  census seen;
  run_to_end(with_task_group([&](task_group& group) -> task<void> {
    group.spawn(spawn_two_each(group, seen, 6));
    co_return;
  }));
  EXPECT_EQ(seen.completed, 127);
}

task<void> fail_after(int turns, std::string message) {
  for (int i = 0; i < turns; ++i) {
    task<void> turn = yield();
    co_await std::move(turn);
  }
  throw std::invalid_argument(message);
}

TEST_F(grouping, one_failure_cancels_body_and_siblings_and_is_thrown_as_it_is) {
  census seen;
  EXPECT_THROW(run_to_end(with_task_group([&](task_group& group) -> task<void> {
                 group.spawn(test::counted_sleep(seen));
                 group.spawn(fail_after(2, "early"));
                 task<void> rest = test::counted_sleep(seen);
                 co_await std::move(rest);
               })),
               std::invalid_argument);
  EXPECT_EQ(seen.begun, 2);
  EXPECT_EQ(seen.cancelled, 2);
  EXPECT_EQ(seen.alive, 0);
}

task<void> fail_when_cancelled(std::string message) {
  try {
    task<void> rest = sleep(1h);
    co_await std::move(rest);
  } catch (const boost::system::system_error&) {
    throw std::runtime_error(message);
  }
}

TEST_F(grouping, several_failures_are_kept_together) {
  try {
    run_to_end(with_task_group([](task_group& group) -> task<void> {
      group.spawn(fail_when_cancelled("second"));
      group.spawn(fail_after(1, "first"));
      task<void> body = fail_when_cancelled("third");
      co_await std::move(body);
    }));
    FAIL();
  } catch (const exception_group& thrown) {
    EXPECT_EQ(thrown.exceptions().size(), 3U);
    EXPECT_THAT(thrown.what(), testing::AllOf(testing::StartsWith("3 failures: [1] first;"),
                                              testing::HasSubstr("second"), testing::HasSubstr("third")));
  }
}

TEST_F(grouping, a_failure_the_body_was_thrown_by_a_handle_counts_once) {
  EXPECT_THROW(run_to_end(with_task_group([](task_group& group) -> task<void> {
                 const auto child = group.spawn(fail_after(1, "once"));
                 auto result = child.result();
                 co_await std::move(result);
               })),
               std::invalid_argument);
}

TEST_F(grouping, a_body_that_throws_cancels_and_awaits_the_children) {
  census seen;
  EXPECT_THROW(run_to_end(with_task_group([&](task_group& group) -> task<void> {
                 group.spawn(test::counted_sleep(seen));
                 throw std::out_of_range("body");
                 co_return;
               })),
               std::out_of_range);
  EXPECT_EQ(seen.cancelled, 1);
  EXPECT_EQ(seen.alive, 0);
}

TEST_F(grouping, cancel_spares_the_body) {
  census seen;
  const int value = run_to_end(with_task_group([&](task_group& group) -> task<int> {
    for (int i = 0; i < 3; ++i) group.spawn(test::counted_sleep(seen));
    group.cancel();
    for (int i = 0; i < 5; ++i) {
      task<void> turn = yield();
      co_await std::move(turn);
    }
    EXPECT_EQ(seen.alive, 0);
    co_return 7;
  }));
  EXPECT_EQ(value, 7);
  EXPECT_EQ(seen.cancelled, 3);
}

TEST_F(grouping, a_child_spawned_into_a_cancelled_group_never_begins) {
  census seen;
  run_to_end(with_task_group([&](task_group& group) -> task<void> {
    group.cancel();
    const auto late = group.spawn(test::counted_steps(seen, 1));
    EXPECT_TRUE(late.done());
    auto result = late.result();
    try {
      co_await std::move(result);
      ADD_FAILURE() << "it has no result";
    } catch (const boost::system::system_error& thrown) {
      EXPECT_EQ(thrown.code(), asio::error::operation_aborted);
    }
  }));
  EXPECT_EQ(seen.begun, 0);
}

task<void> cancel_it(task_group& group) {
  group.cancel();
  co_return;
}

TEST_F(grouping, a_child_may_cancel_its_group_and_end_without_having_suspended) {
  census seen;
  run_to_end(with_task_group([&](task_group& group) -> task<void> {
    group.spawn(test::counted_sleep(seen));
    group.spawn(cancel_it(group));
    group.spawn(test::counted_sleep(seen));
    co_return;
  }));
  EXPECT_EQ(seen.begun, 1);
  EXPECT_EQ(seen.cancelled, 1);
}

task<int> once_set(event& may_end, int x) {
  auto waiting = may_end.wait();
  co_await std::move(waiting);
  co_return x;
}

TEST_F(grouping, waiting_for_a_result_can_be_cancelled_and_repeated) {
  event may_end;
  const int value = run_to_end(with_task_group([&](task_group& group) -> task<int> {
    const auto child = group.spawn(once_set(may_end, 5));
    auto impatient = timeout(1ms, child.result());
    try {
      co_await std::move(impatient);
      ADD_FAILURE() << "the child cannot have ended";
    } catch (const error& thrown) {
      EXPECT_EQ(thrown.kind(), failure_kind::timeout);
    }
    may_end.set();
    auto patient = child.result();
    co_return co_await std::move(patient);
  }));
  EXPECT_EQ(value, 5);
}

TEST_F(grouping, a_result_is_taken_once) {
  EXPECT_THROW(run_to_end(with_task_group([](task_group& group) -> task<void> {
                 const auto child = group.spawn(test::echo(1));
                 auto first = child.result();
                 co_await std::move(first);
                 auto second = child.result();
                 co_await std::move(second);
               })),
               std::logic_error);
}

struct no_default {
  explicit no_default(int x) : value(std::make_unique<int>(x)) {}
  std::unique_ptr<int> value;
};

task<no_default> made_without_default(int x) {
  task<void> turn = yield();
  co_await std::move(turn);
  co_return no_default(x);
}

TEST_F(grouping, values_need_neither_copies_nor_defaults) {
  const auto value = run_to_end(with_task_group([](task_group& group) -> task<std::unique_ptr<int>> {
    const auto child = group.spawn(made_without_default(8));
    auto result = child.result();
    no_default got = co_await std::move(result);
    co_return std::move(got.value);
  }));
  EXPECT_EQ(*value, 8);
}

task<void> group_scenario(census& seen) {
  auto all = with_task_group([&seen](task_group& group) -> task<void> {
    const auto first = group.spawn(test::counted_steps(seen, 4));
    group.spawn(test::counted_steps(seen, 2));
    task<void> own = test::counted_steps(seen, 1);
    co_await std::move(own);
    auto result = first.result();
    co_await std::move(result);
    group.spawn(test::counted_steps(seen, 1));
  });
  co_await std::move(all);
}

TEST_F(grouping, cancelled_at_every_step) {
  test::cancel_at_every_step(group_scenario);
}

TEST_F(grouping, destroyed_at_every_step) {
  test::destroy_at_every_step(group_scenario);
}

TEST_F(grouping, each_child_fails_in_turn) {
  for (int culprit = 0; culprit < 4; ++culprit) {
    census seen;
    EXPECT_THROW(run_to_end(with_task_group([&](task_group& group) -> task<void> {
                   for (int i = 0; i < 4; ++i)
                     if (i == culprit)
                       group.spawn(fail_after(i, "culprit"));
                     else
                       group.spawn(test::counted_sleep(seen));
                   co_return;
                 })),
                 std::invalid_argument)
        << culprit;
    const int begun = culprit == 0 ? 0 : 3;  // a child runs until it first suspends: that one fails before the others
    EXPECT_EQ(seen.begun, begun);
    EXPECT_EQ(seen.cancelled, begun);
  }
}

task<int> sum_in_group(int count) {
  auto all = with_task_group([count](task_group& group) -> task<int> {
    std::vector<task_handle<int>> handles;
    for (int i = 0; i < count; ++i) handles.push_back(group.spawn(test::echo(i)));
    int sum = 0;
    for (const auto& each : handles) {
      auto result = each.result();
      sum += co_await std::move(result);
    }
    co_return sum;
  });
  co_return co_await std::move(all);
}

TEST_F(grouping, works_on_strands_of_a_pool) {
  asio::thread_pool pool(3);
  std::vector<std::future<int>> results;
  for (int i = 0; i < 50; ++i)
    results.push_back(asio::co_spawn(asio::make_strand(pool), sum_in_group(100), asio::use_future));
  for (auto& each : results) EXPECT_EQ(each.get(), 4950);
  pool.join();
}

}  // namespace
