// What is known of watched tasks, and who is told.

#include <fanout/async/detail/observation.hpp>

#include "async/debugging/task_record.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using detail::task_record;
using detail::task_registry;

class task_records : public ::testing::Test {
 protected:
  void SetUp() override {
    task_registry::instance().set(
        {.enabled = true, .stall_threshold = 7ms, .on_report = [this](const auto& each) { reports_.push_back(each); }});
  }
  void TearDown() override { task_registry::instance().set({}); }

  std::vector<debug_report> reports_;
};

TEST_F(task_records, that_are_live_are_listed_parents_first) {
  auto& registry = task_registry::instance();
  task_record parent;
  task_record child;
  parent.name = "parent";
  registry.add(parent);
  child.name = "child";
  child.parent = parent.id;
  child.waits_for = "a test";
  registry.add(child);
  EXPECT_NE(parent.id, 0U) << "0 stands for no parent";
  const auto live = registry.dump();
  ASSERT_EQ(live.size(), 2U);
  EXPECT_EQ(live[0].name, "parent");
  EXPECT_EQ(live[0].waiting_for, "");
  EXPECT_EQ(live[1].name, "child");
  EXPECT_EQ(live[1].parent, live[0].id);
  EXPECT_EQ(live[1].waiting_for, "a test");

  EXPECT_TRUE(registry.remove(parent));
  EXPECT_FALSE(registry.remove(parent)) << "once";
  EXPECT_EQ(registry.dump().size(), 1U);
  EXPECT_TRUE(registry.remove(child));
  EXPECT_TRUE(registry.dump().empty());
}

TEST_F(task_records, a_number_is_never_used_again) {
  task_record first;
  task_record second;
  task_registry::instance().add(first);
  task_registry::instance().remove(first);
  task_registry::instance().add(second);
  EXPECT_GT(second.id, first.id);
  task_registry::instance().remove(second);
}

TEST_F(task_records, a_report_is_completed_with_the_task) {
  task_record record;
  record.name = "slow";
  record.spawned_at = std::source_location::current();
  report_about(record, {.what = debug_report::kind::stalled, .held = 3ms});
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_EQ(reports_[0].task, "slow");
  EXPECT_EQ(reports_[0].spawned_at.line(), record.spawned_at.line());
  EXPECT_EQ(reports_[0].held, 3ms);
}

TEST_F(task_records, without_debugging_or_without_a_listener_nothing_is_reported) {
  const task_record record;
  task_registry::instance().set(
      {.enabled = false, .on_report = [this](const auto& each) { reports_.push_back(each); }});
  EXPECT_FALSE(detail::debugging());
  report_about(record, {});
  task_registry::instance().set({.enabled = true, .on_report = nullptr});
  EXPECT_TRUE(detail::debugging());
  report_about(record, {});
  EXPECT_TRUE(reports_.empty());
}

TEST_F(task_records, the_threshold_is_that_of_the_options) {
  EXPECT_EQ(detail::stall_threshold(), 7ms);
}

}  // namespace
