// What is told about tasks while debugging is on.

#include <fanout/async/async.hpp>

#include "async/driving.hpp"
#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <source_location>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using kind = debug_report::kind;
using test::run_to_end;
using testing::HasSubstr;

class debugging : public test::leak_checked {
 protected:
  void SetUp() override {
    leak_checked::SetUp();
    set_debug({.enabled = true, .stall_threshold = 20ms, .on_report = [this](const debug_report& each) {
                 const std::lock_guard lock(mutex_);
                 reports_.push_back(each);
               }});
  }
  void TearDown() override {
    set_debug({});
    EXPECT_TRUE(dump_tasks().empty()) << "the books list a task that is gone";
    leak_checked::TearDown();
  }

  /// What was told, but for what the watchdog saw: how often it looks is for the system's scheduler to say.
  std::vector<debug_report> reports() {
    const std::lock_guard lock(mutex_);
    std::vector<debug_report> some;
    for (const debug_report& each : reports_)
      if (each.what != kind::stalling) some.push_back(each);
    return some;
  }

  std::mutex mutex_;
  std::vector<debug_report> reports_;
};

/// Keeps the loop for as long as asked; the CPU's time is of no interest.
task<void> hold_loop(std::chrono::milliseconds duration) {
  task<void> turn = yield();
  co_await std::move(turn);
  const auto end = std::chrono::steady_clock::now() + duration;
  while (std::chrono::steady_clock::now() < end) {
  }
}

TEST_F(debugging, a_task_that_holds_its_loop_is_named) {
  run_to_end(with_task_group([](task_group& group) -> task<void> {
    group.spawn(hold_loop(30ms), "the slow one");
    group.spawn(sleep(1ms), "a quick one");
    co_return;
  }));
  const auto told = reports();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].what, kind::stalled);
  EXPECT_EQ(told[0].task, "the slow one");
  EXPECT_GE(told[0].held, 30ms);
  EXPECT_THAT(told[0].spawned_at.file_name(), HasSubstr("test_debug.cpp"));
  EXPECT_THAT(told[0].text(), testing::AllOf(HasSubstr("the slow one (spawned at "), HasSubstr("held its loop")));
}

/// Holds its loop until somebody else has said so.
task<void> hold_until(std::atomic<bool>& told) {
  const auto give_up = std::chrono::steady_clock::now() + 60s;
  while (!told && std::chrono::steady_clock::now() < give_up) {
  }
  co_return;
}

TEST_F(debugging, a_task_is_named_while_it_holds_its_loop) {
  std::atomic<bool> told = false;
  std::vector<debug_report> seen;
  set_debug({.enabled = true, .stall_threshold = 20ms, .on_report = [&](const debug_report& each) {
               const std::lock_guard lock(mutex_);
               seen.push_back(each);
               if (each.what == kind::stalling) told = true;
             }});
  run_to_end(timeout(1h, hold_until(told)));
  set_debug({});
  ASSERT_EQ(seen.size(), 2U) << "once while it lasts, and once when it is over";
  EXPECT_EQ(seen[0].what, kind::stalling);
  EXPECT_EQ(seen[0].task, "timeout");
  EXPECT_THAT(seen[0].spawned_at.file_name(), HasSubstr("test_debug.cpp"));
  EXPECT_GE(seen[0].held, 20ms);
  EXPECT_THAT(seen[0].text(), HasSubstr("has been holding its loop for"));
  EXPECT_EQ(seen[1].what, kind::stalled);
  EXPECT_GE(seen[1].held, seen[0].held);
}

TEST_F(debugging, may_be_turned_off_by_who_is_told) {
  std::atomic<bool> told = false;
  set_debug({.enabled = true, .stall_threshold = 5ms, .on_report = [&](const debug_report& each) {
               if (each.what == kind::stalling) {
                 set_debug({});
                 told = true;
               }
             }});
  run_to_end(timeout(1h, hold_until(told)));
  EXPECT_TRUE(told);
}

task<void> parent_of_a_slow_one() {
  std::vector<task<void>> one;
  one.push_back(hold_loop(30ms));
  auto all = gather(std::move(one));
  co_await std::move(all);
}

TEST_F(debugging, a_parent_is_not_blamed_for_its_child) {
  run_to_end(timeout(1h, parent_of_a_slow_one()));
  const auto told = reports();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].task, "gather[0]");
}

task<void> fail(std::string message) {
  try {
    task<void> rest = sleep(message == "first" ? 0s : 3600s);
    co_await std::move(rest);
  } catch (const boost::system::system_error&) {
  }
  throw std::runtime_error(message);
}

task<void> two_that_fail() {
  std::vector<task<void>> both;
  both.push_back(fail("first"));
  both.push_back(fail("second"));
  auto all = gather(std::move(both));
  co_await std::move(all);
}

TEST_F(debugging, a_failure_that_nobody_is_thrown_is_reported) {
  EXPECT_THROW(run_to_end(two_that_fail()), std::runtime_error);
  const auto told = reports();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].what, kind::failure_unobserved);
  EXPECT_EQ(told[0].task, "gather[1]");
  EXPECT_THAT(told[0].text(), HasSubstr("second"));
}

task<void> fail_beside_a_stubborn_one() {
  std::vector<task<void>> both;
  both.push_back(fail("first"));
  both.push_back(shield(sleep(1h)));
  auto all = gather(std::move(both));
  co_await std::move(all);
}

TEST_F(debugging, a_failure_whose_loop_is_destroyed_before_it_is_thrown_is_reported) {
  {
    asio::io_context loop;
    asio::co_spawn(loop, fail_beside_a_stubborn_one(), asio::detached);
    for (int i = 0; i < 10; ++i) loop.run_one_for(100ms);
  }
  const auto told = reports();
  const auto unobserved = std::count_if(told.begin(), told.end(), [](const debug_report& each) {
    return each.what == kind::failure_unobserved && each.task == "gather[0]" &&
           each.text().find("first") != std::string::npos;
  });
  EXPECT_EQ(unobserved, 1);
}

task<void> spawn_one_that_fails_and_a_stubborn_one(task_group& group) {
  group.spawn(fail("first"));
  group.spawn(shield(sleep(1h)));
  co_return;
}

task<void> group_that_never_ends() {
  auto all = with_task_group(spawn_one_that_fails_and_a_stubborn_one);
  co_await std::move(all);
}

TEST_F(debugging, a_failure_that_a_group_kept_when_its_loop_was_destroyed_is_reported) {
  {
    asio::io_context loop;
    asio::co_spawn(loop, group_that_never_ends(), asio::detached);
    for (int i = 0; i < 10; ++i) loop.run_one_for(100ms);
  }
  const auto told = reports();
  const auto unobserved = std::count_if(told.begin(), told.end(), [](const debug_report& each) {
    return each.what == kind::failure_unobserved && each.task == "task_group" &&
           each.text().find("first") != std::string::npos;
  });
  EXPECT_EQ(unobserved, 1);
}

TEST_F(debugging, separate_arguments_can_be_given_their_place) {
  run_to_end(gather(std::source_location::current(), hold_loop(30ms), test::echo(1)));
  run_to_end(race_to_finish(std::source_location::current(), hold_loop(30ms), sleep(1h)));
  run_to_end(gather(hold_loop(30ms), test::echo(1)));
  const auto told = reports();
  ASSERT_EQ(told.size(), 3U);
  EXPECT_THAT(told[0].text(), HasSubstr("gather[0] (spawned at "));
  EXPECT_THAT(told[1].text(), HasSubstr("race_to_finish[0] (spawned at "));
  EXPECT_THAT(told[2].text(), testing::StartsWith("gather[0] held"));
}

TEST_F(debugging, a_task_destroyed_in_the_middle_is_reported) {
  {
    asio::io_context loop;
    asio::co_spawn(loop, timeout(1h, sleep(1h)), asio::detached);
    loop.poll();
    EXPECT_EQ(dump_tasks().size(), 1U);
  }
  const auto told = reports();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].what, kind::destroyed_pending);
  EXPECT_EQ(told[0].task, "timeout");
}

TEST_F(debugging, the_tree_of_live_tasks_says_what_each_waits_for) {
  asio::io_context loop;
  asio::co_spawn(loop, with_task_group([](task_group& group) -> task<void> {
                   const auto child = group.spawn(timeout(5ms, sleep(1h)), "child");
                   auto result = child.result();
                   co_await std::move(result);
                 }),
                 [](std::exception_ptr) {});
  loop.poll();
  const auto tasks = dump_tasks();
  const std::string tree = to_string(tasks);
  EXPECT_EQ(tasks.size(), 3U);
  EXPECT_THAT(tree, HasSubstr("body of task_group, waits for the result of a task\n"));
  EXPECT_THAT(tree, testing::ContainsRegex("\nchild \\(spawned at [^\n]*\\), waits for its children\n"
                                           "  timeout \\([^\n]*\\), waits for sleep\n"));
  loop.run();
}

TEST_F(debugging, a_task_spawned_while_it_is_off_is_not_in_the_books) {
  set_debug({});
  asio::io_context loop;
  asio::co_spawn(loop, timeout(5ms, sleep(1h)), [](std::exception_ptr) {});
  loop.poll();
  EXPECT_TRUE(dump_tasks().empty());
  loop.run();
}

task<int> sum_of(int count) {
  std::vector<task<int>> children;
  for (int i = 0; i < count; ++i) children.push_back(timeout(1h, test::echo(1)));
  auto pending = gather(std::move(children), concurrency_limit(7));
  const auto values = co_await std::move(pending);
  co_return static_cast<int>(values.size());
}

TEST_F(debugging, works_on_strands_of_a_pool) {
  asio::thread_pool pool(3);
  std::vector<std::future<int>> results;
  for (int i = 0; i < 10; ++i) results.push_back(asio::co_spawn(asio::make_strand(pool), sum_of(20), asio::use_future));
  while (!dump_tasks().empty()) {
  }
  for (auto& each : results) EXPECT_EQ(each.get(), 20);
  pool.join();
}

task<void> everything(test::census& seen) {
  auto both = gather(test::counted_steps(seen, 2), timeout(1h, test::counted_steps(seen, 3)));
  co_await std::move(both);
}

TEST_F(debugging, tasks_that_are_watched_can_be_cancelled_at_every_step) {
  test::cancel_at_every_step(everything);
  test::destroy_at_every_step(everything);
}

/// Run by the test below, in a program of its own that has FANOUT_DEBUG in its environment.
TEST(debug_environment, DISABLED_child) {
  EXPECT_THROW(run_to_end(two_that_fail()), std::runtime_error);
  run_to_end(timeout(1h, hold_loop(150ms)));
}

/// What that program writes to standard error.
std::string errors_with(const std::string& variable) {
  const auto got = run_to_end(run_program({
      .arguments = {"/proc/self/exe", "--gtest_filter=debug_environment.DISABLED_child",
                    "--gtest_also_run_disabled_tests"},
      .environment = std::vector<std::string>{"PATH=/usr/bin:/bin", variable},
  }));
  EXPECT_TRUE(got.ok()) << got.output;
  return got.errors;
}

TEST(debug_environment, a_variable_turns_it_on_for_a_whole_program) {
  const std::string told = errors_with("FANOUT_DEBUG=1");
  EXPECT_THAT(told,
              testing::ContainsRegex("fanout: gather\\[1\\] \\(spawned at [^\n]*test_debug.cpp:[0-9]+\\) failed, and "
                                     "its failure reached nobody: second\n"));
  EXPECT_THAT(told,
              testing::ContainsRegex("fanout: timeout \\(spawned at [^\n]*\\) held its loop for [0-9]+.[0-9] ms\n"));
  EXPECT_EQ(errors_with("FANOUT_DEBUG=0"), "");
  EXPECT_EQ(errors_with("FANOUT_DEBUG="), "");
}

}  // namespace
