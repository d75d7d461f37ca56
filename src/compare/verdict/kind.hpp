#pragma once

#include <fanout/compare/comparison.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// \file
/// What kind of work it is, from what shapes made of it.
namespace fanout::detail {

/// One row that succeeded, as far as it says something about the work. Seconds.
struct lane_evidence {
  std::string name;         ///< of the shape
  bool workers = false;     ///< its lanes are in worker processes, which share no locks
  std::uint32_t lanes = 1;  ///< threads
  double wall = 0;
  double cpu = 0;
  double quickest = 0;  ///< wall time of its quickest run
};

/// What is known about the work. Seconds.
struct work_evidence {
  std::uint64_t tasks = 1;
  std::uint32_t cores = 1;
  double given_cores = 0;      ///< full_cores::given; 0: all of them
  double cpu_share = 0;        ///< of a task's time alone, how much it computes
  double task = 0;             ///< the slowest task, undisturbed
  double wall_one_by_one = 0;  ///< all tasks, one after the other
  double cpu_one_by_one = 0;   ///< their CPU time then
  double noise = 0;            ///< of the machine: noise_meter
  double full_cores = 1;       ///< full_cores::price
  /// Other programs used the cores: how rows differ says little about the work, and only `cpu_share` counts.
  bool disturbed = false;
  std::vector<lane_evidence> rows;
};

struct kind_finding {
  work_kind kind = work_kind::io_bound;
  std::string figure;  ///< a sentence with the figure that shows it
};

/// Lock-bound: threads hardly overlap the tasks although cores are free, and worker processes do; without a row in
/// worker processes, only tasks that mostly compute, as others may be held up by whoever they wait for. Memory-bound:
/// tasks compute, and need much more CPU time beside each other than alone, more than the machine's cores make of any
/// computing. Otherwise, and where the measurement was disturbed, what tasks do with their time alone decides.
kind_finding find_kind(const work_evidence& of);

}  // namespace fanout::detail
