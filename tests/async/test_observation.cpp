// How tasks are watched while debugging is on.

#include <fanout/async/debug.hpp>
#include <fanout/async/detail/observation.hpp>

#include "async/debugging/task_record.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <gtest/gtest.h>

#include <exception>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace fanout;
using detail::task_observation;
using detail::waiting_for;
using detail::watched_by;

class observations : public ::testing::Test {
 protected:
  void SetUp() override {
    set_debug({.enabled = true,
               .stall_threshold = std::chrono::hours(1),
               .on_report = [this](const debug_report& each) { reports_.push_back(each); }});
  }
  void TearDown() override {
    set_debug({});
    EXPECT_TRUE(dump_tasks().empty());
  }

  asio::io_context loop_;
  const asio::any_io_executor plain_ = loop_.get_executor();
  std::vector<debug_report> reports_;
};

TEST_F(observations, nothing_is_noted_while_debugging_is_off) {
  set_debug({});
  task_observation task;
  EXPECT_FALSE(task.begin({.name = "any"}, plain_));
  EXPECT_TRUE(dump_tasks().empty());
  task.report_unobserved(std::make_exception_ptr(1));
  task.abandon();
  task.end();
  EXPECT_TRUE(reports_.empty());
}

TEST_F(observations, a_task_is_listed_from_its_begin_to_its_end) {
  task_observation task;
  EXPECT_TRUE(task.begin({.name = "row", .index = 7, .where = std::source_location::current()}, plain_));
  ASSERT_EQ(dump_tasks().size(), 1U);
  EXPECT_EQ(dump_tasks()[0].name, "row[7]");
  EXPECT_EQ(dump_tasks()[0].parent, 0U);
  task.end();
  EXPECT_TRUE(dump_tasks().empty());
  task.end();  // again does no harm
  EXPECT_TRUE(reports_.empty());
}

TEST_F(observations, a_child_names_its_parent_and_runs_on_the_plain_executor_beneath) {
  task_observation parent;
  task_observation child;
  parent.begin({.name = "parent"}, plain_);
  const asio::any_io_executor of_parent = parent.watch(plain_);
  child.begin({.name = "child"}, of_parent);
  const asio::any_io_executor of_child = child.watch(of_parent);
  const auto live = dump_tasks();
  ASSERT_EQ(live.size(), 2U);
  EXPECT_EQ(live[1].parent, live[0].id);
  ASSERT_TRUE(watched_by(of_child));
  EXPECT_EQ(*watched_by(of_child), plain_) << "watches do not pile up";
  EXPECT_EQ(watched_by(plain_), nullptr);
}

TEST_F(observations, what_a_task_waits_for_is_noted_in_its_turns_only) {
  task_observation task;
  task.begin({.name = "any"}, plain_);
  asio::post(task.watch(plain_), [] {
    const waiting_for outer("outer");
    EXPECT_EQ(dump_tasks()[0].waiting_for, "outer");
    {
      const waiting_for inner("inner");
      EXPECT_EQ(dump_tasks()[0].waiting_for, "inner");
    }
    EXPECT_EQ(dump_tasks()[0].waiting_for, "outer");
  });
  loop_.run();
  EXPECT_EQ(dump_tasks()[0].waiting_for, "");
  const waiting_for nobody("somebody else");
  EXPECT_EQ(dump_tasks()[0].waiting_for, "") << "this thread is at no task";
  task.end();
}

TEST_F(observations, a_task_that_is_destroyed_before_its_end_is_reported) {
  {
    task_observation task;
    task.begin({.name = "lost"}, plain_);
    task.abandon();
    task.abandon();  // once
  }
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_EQ(reports_[0].what, debug_report::kind::destroyed_pending);
  EXPECT_EQ(reports_[0].task, "lost");
}

TEST_F(observations, a_failure_that_reached_nobody_is_reported_with_it) {
  task_observation task;
  task.begin({.name = "bad"}, plain_);
  task.report_unobserved(std::make_exception_ptr(std::runtime_error("lost message")));
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_EQ(reports_[0].what, debug_report::kind::failure_unobserved);
  EXPECT_THROW(std::rethrow_exception(reports_[0].failure), std::runtime_error);
  task.end();
}

TEST_F(observations, a_turn_that_was_too_long_is_reported_at_its_end) {
  set_debug({.enabled = true, .stall_threshold = std::chrono::nanoseconds(0), .on_report = [this](const auto& each) {
               if (each.what == debug_report::kind::stalled) reports_.push_back(each);
             }});
  task_observation task;
  task.begin({.name = "slow"}, plain_);
  asio::post(task.watch(plain_), [] {});
  loop_.run();
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_EQ(reports_[0].task, "slow");
  task.end();
}

}  // namespace
