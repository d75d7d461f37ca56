#pragma once

#include <fanout/compare/comparison.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// \file
/// Comparisons that nobody measured, to test what is made of them.
namespace fanout::test {

inline comparison_row row(const shape& of, std::chrono::nanoseconds wall, std::uint32_t threads,
                          std::uint32_t processes = 1) {
  comparison_row made;
  made.shape = made.cost.shape = of;
  made.cost.tasks = 5;
  made.cost.wall = wall;
  made.cost.cpu_user = std::chrono::milliseconds(1500);
  made.cost.threads = threads;
  made.cost.processes = processes;
  made.cost.peak_rss_bytes = 8 << 20;
  return made;
}

inline comparison_row failed_row(const shape& of, std::string why) {
  comparison_row made;
  made.shape = of;
  made.failure = std::move(why);
  made.cost.failures = 5;
  return made;
}

inline comparison made_of(std::vector<comparison_row> rows, work_kind kind = work_kind::io_bound) {
  comparison all;
  all.name = "made";
  all.description = "up";
  all.tasks = 5;
  all.cores = 2;
  all.cpu_share = kind == work_kind::cpu_bound ? 0.99 : 0.01;
  all.bound = lower_bound{.wall = std::chrono::milliseconds(400),
                          .task = std::chrono::milliseconds(400),
                          .cpu = std::chrono::milliseconds(10),
                          .task_cpu = std::chrono::milliseconds(4),
                          .in_turn = std::chrono::seconds(2),
                          .cores = 2,
                          .why = "the time of a single task"};
  all.rows = std::move(rows);
  return all;
}

}  // namespace fanout::test
