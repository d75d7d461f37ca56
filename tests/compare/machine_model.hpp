#pragma once

#include <fanout/compare/comparison.hpp>
#include <fanout/core/shape.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

/// \file
/// A machine on paper: cores that runnable threads share evenly, a lock in each process, a way to memory of limited
/// width, a server that serves some at a time, and other programs. Runs of work on it follow by arithmetic, so that
/// verdicts can be tested on every kind of work and of disturbance without measuring anything.
namespace fanout::test {

enum class doing {
  waits,     ///< for a time
  served,    ///< waits for a server that may have others to serve first
  computes,  ///< in a core's own cache
  holds,     ///< computes with the lock of its process
  copies,    ///< computes, and needs memory all the time
};

struct phase {
  doing what = doing::computes;
  double seconds = 0;
};

struct paper_task {
  std::vector<phase> phases;
};

struct paper_machine {
  std::uint32_t cores = 2;
  double memory_width = 1.2;         ///< how many threads can copy at full speed
  std::uint32_t served_at_once = 0;  ///< by the server; 0: all
  double hogs = 0;                   ///< other threads that always compute
  double memory_hogs = 0;            ///< of these, how many copy
  double worker_start = 0.004;       ///< CPU seconds of each worker process
  double jitter = 0.01;              ///< by how much a run can be slowed for no reason
};

struct paper_run {
  double wall = 0;
  double cpu = 0;
  std::vector<double> taken;     ///< by each task
  std::vector<double> computed;  ///< CPU time of each task; negative where tasks share a thread
};

/// Runs `tasks` under `how`. `slower` is a factor for all of it.
paper_run run_on_paper(const paper_machine& on, const std::vector<paper_task>& tasks, const shape& how,
                       double slower = 1);

/// The whole comparison, as `compare` makes it: single tasks alone, three rounds, and more where they may help. `seed`
/// chooses the disturbances.
comparison compare_on_paper(const paper_machine& on, const std::vector<paper_task>& tasks,
                            const std::vector<shape>& shapes, std::uint32_t seed);

}  // namespace fanout::test
