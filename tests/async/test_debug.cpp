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

#include <chrono>
#include <future>
#include <mutex>
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
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_EQ(reports_[0].what, kind::stalled);
  EXPECT_EQ(reports_[0].task, "the slow one");
  EXPECT_GE(reports_[0].held, 30ms);
  EXPECT_THAT(reports_[0].spawned_at.file_name(), HasSubstr("test_debug.cpp"));
  EXPECT_THAT(reports_[0].text(), testing::AllOf(HasSubstr("the slow one (spawned at "), HasSubstr("held its loop")));
}

task<void> parent_of_a_slow_one() {
  std::vector<task<void>> one;
  one.push_back(hold_loop(30ms));
  auto all = gather(std::move(one));
  co_await std::move(all);
}

TEST_F(debugging, a_parent_is_not_blamed_for_its_child) {
  run_to_end(timeout(1h, parent_of_a_slow_one()));
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_EQ(reports_[0].task, "gather[0]");
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
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_EQ(reports_[0].what, kind::failure_unobserved);
  EXPECT_EQ(reports_[0].task, "gather[1]");
  EXPECT_THAT(reports_[0].text(), HasSubstr("second"));
}

TEST_F(debugging, a_task_destroyed_in_the_middle_is_reported) {
  {
    asio::io_context loop;
    asio::co_spawn(loop, timeout(1h, sleep(1h)), asio::detached);
    loop.poll();
    EXPECT_EQ(dump_tasks().size(), 1U);
  }
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_EQ(reports_[0].what, kind::destroyed_pending);
  EXPECT_EQ(reports_[0].task, "timeout");
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

}  // namespace
