// The origin that `fanout compare` starts for its workload io, and the worker processes beside it: none outlives the
// tool.

#include "cli/child.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

using fanout::cli::testing::child;

std::set<int> children_of(pid_t parent) {
  std::ifstream file("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children");
  std::set<int> pids;
  for (int pid = 0; file >> pid;) pids.insert(pid);
  return pids;
}

/// Whether it runs; one that waits to be reaped does not.
bool alive(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string stat;
  std::getline(file, stat);
  const auto name_end = stat.rfind(") ");
  return name_end != stat.npos && stat[name_end + 2] != 'Z' && stat[name_end + 2] != 'X';
}

template <class Condition>
bool comes_true(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

/// `compare` in the middle of a row with an origin and two worker processes.
std::vector<std::string> long_row() {
  return {"compare", "io", "--latency", "100ms", "--tasks", "1000", "--shapes", "processes:2"};
}

TEST(origin_process, ends_with_the_comparison_that_ctrl_c_ends) {
  for (const int number : {SIGINT, SIGTERM}) {
    child started(FANOUT_CLI, long_row());
    std::set<int> children;
    ASSERT_TRUE(comes_true([&] { return (children = children_of(started.pid())).size() == 3; }));
    started.signal(number);
    EXPECT_EQ(started.rest_of_output(), "");
    EXPECT_EQ(started.wait(), 130);
    for (const int each : children) EXPECT_FALSE(alive(each)) << each;
  }
}

TEST(origin_process, ends_even_if_the_comparison_is_killed) {
  child started(FANOUT_CLI, long_row());
  std::set<int> children;
  ASSERT_TRUE(comes_true([&] { return (children = children_of(started.pid())).size() == 3; }));
  started.signal(SIGKILL);
  EXPECT_EQ(started.wait(), -SIGKILL);
  for (const int each : children) EXPECT_TRUE(comes_true([each] { return !alive(each); })) << each;
}

}  // namespace
