// What is derived from the figures of a report.

#include <fanout/core/report.hpp>

#include <gtest/gtest.h>

#include <chrono>

namespace fanout {
namespace {

using namespace std::chrono_literals;

TEST(report, cores_used_is_cpu_time_over_wall_time) {
  report cost;
  cost.wall = 2s;
  cost.cpu_user = 3s;
  cost.cpu_system = 500ms;
  EXPECT_EQ(cost.cpu(), 3500ms);
  EXPECT_DOUBLE_EQ(cost.cores_used(), 1.75);
}

TEST(report, of_no_time_uses_no_core) {
  report cost;
  EXPECT_EQ(cost.cores_used(), 0.0);
  cost.cpu_user = 1ms;
  EXPECT_EQ(cost.cores_used(), 0.0);
}

}  // namespace
}  // namespace fanout
