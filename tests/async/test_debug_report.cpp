// What debugging says, as text.

#include <fanout/async/debug_report.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <source_location>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using kind = debug_report::kind;

TEST(debug_report, says_in_a_line_what_happened_to_which_task) {
  EXPECT_EQ((debug_report{.what = kind::stalling, .task = "slow", .held = 1500us}.text()),
            "slow has been holding its loop for 1.5 ms");
  EXPECT_EQ((debug_report{.what = kind::stalled, .task = "slow", .held = 2s}.text()),
            "slow held its loop for 2000.0 ms");
  EXPECT_EQ((debug_report{.what = kind::failure_unobserved,
                          .task = "row[3]",
                          .failure = std::make_exception_ptr(std::runtime_error("no such row"))}
                 .text()),
            "row[3] failed, and its failure reached nobody: no such row");
  EXPECT_EQ((debug_report{.what = kind::destroyed_pending, .task = "nap"}.text()),
            "nap was destroyed before it had ended");
}

TEST(debug_report, says_where_the_task_was_spawned_if_that_is_known) {
  const auto here = std::source_location::current();
  const std::string text = debug_report{.what = kind::destroyed_pending, .task = "nap", .spawned_at = here}.text();
  EXPECT_EQ(text, "nap (spawned at " + std::string(here.file_name()) + ":" + std::to_string(here.line()) +
                      ") was destroyed before it had ended");
}

TEST(task_tree, indents_children_below_their_parents) {
  const std::vector<task_state> tasks{
      {.id = 1, .name = "a"},
      {.id = 2, .parent = 1, .name = "a.a", .waiting_for = "sleep"},
      {.id = 3, .name = "b"},
      {.id = 4, .parent = 2, .name = "a.a.a"},
      {.id = 5, .parent = 1, .name = "a.b"},
  };
  EXPECT_EQ(to_string(tasks),
            "a\n"
            "  a.a, waits for sleep\n"
            "    a.a.a\n"
            "  a.b\n"
            "b\n");
  EXPECT_EQ(to_string(std::vector<task_state>{}), "");
}

}  // namespace
