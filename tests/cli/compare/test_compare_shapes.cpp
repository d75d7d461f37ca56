#include "cli/compare/compare_shapes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fanout::cli {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> usual(std::string_view workload, std::uint64_t tasks, std::uint32_t cores = 2) {
  std::vector<std::string> names;
  for (const shape& each : usual_shapes(workload, tasks, cores)) names.push_back(to_string(each));
  return names;
}

TEST(compare_shapes, work_that_waits_gets_a_sweep_of_counts_in_flight) {
  EXPECT_THAT(usual("urls", 1000),
              ElementsAre("sync", "threads:5", "async:5", "async:64", "async:256", "processes:5", "hybrid:256"));
  EXPECT_THAT(usual("urls", 200),
              ElementsAre("sync", "threads:5", "async:5", "async:64", "async:200", "processes:5", "hybrid:200"));
  EXPECT_THAT(usual("io", 5), ElementsAre("sync", "threads:5", "async:5", "processes:5", "hybrid:5"));
  EXPECT_THAT(usual("urls", 1), ElementsAre("sync", "threads:1", "async:1", "processes:1", "hybrid:1"));
}

TEST(compare_shapes, work_that_computes_gets_a_place_for_each_core_and_more_for_contrast) {
  EXPECT_THAT(usual("cpu", 6), ElementsAre("sync", "threads:2", "threads:5", "async:5", "processes:2", "hybrid:5"));
  EXPECT_THAT(usual("lock", 8, 8),
              ElementsAre("sync", "threads:8", "threads:16", "async:5", "processes:8", "hybrid:16"));
  EXPECT_THAT(usual("cpu", 5, 1), ElementsAre("sync", "threads:1", "threads:5", "async:5", "processes:1", "hybrid:5"));
}

TEST(compare_shapes, commands_run_on_threads) {
  EXPECT_THAT(usual("command", 4), ElementsAre("sync", "threads:2", "threads:5"));
  EXPECT_THAT(usual("command", 100), ElementsAre("sync", "threads:2", "threads:5", "threads:8"));
}

TEST(compare_shapes, the_tasks_of_work_that_computes_leave_no_core_idle) {
  EXPECT_EQ(usual_tasks("io", 2), 5U);
  EXPECT_EQ(usual_tasks("cpu", 1), 5U);
  EXPECT_EQ(usual_tasks("cpu", 2), 6U);
  EXPECT_EQ(usual_tasks("cpu", 4), 8U);
  EXPECT_EQ(usual_tasks("memory", 64), 64U);
}

TEST(compare_shapes, a_list_is_read_or_refused) {
  EXPECT_EQ(parse_shapes("sync, threads:2,,async:3").size(), 3U);
  for (const char* wrong : {"", ",", "sync,sync", "sync,fast:5", "threads:0"})
    EXPECT_THROW(parse_shapes(wrong), std::invalid_argument) << wrong;
}

}  // namespace
}  // namespace fanout::cli
