#pragma once

#include <fanout/compare/workload.hpp>
#include <fanout/core/report.hpp>
#include <fanout/core/shape.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// \file
/// What a comparison found, as plain values. `compare` and `scaling_of` make them.
namespace fanout {

/// One count of a sweep.
struct sweep_point {
  std::uint32_t count = 1;
  std::chrono::nanoseconds wall{0};  ///< median
  double speedup = 1;                ///< over the first point
  std::string failure;               ///< why there is none; else empty
};

/// What makes a program scale less than perfectly, fitted to the points by least squares. Plain values.
struct scaling {
  std::string shape;  ///< without a count: "threads"
  std::vector<sweep_point> points;

  /// Amdahl's law (AFIPS 1967), speed-up = 1 / (s + (1 - s) / n): the share `s` of the work that is never done in
  /// parallel, 0 to 1. Empty for fewer than two points.
  std::optional<double> serial_share;
  /// The universal scalability law (Gunther, "Guerrilla Capacity Planning", 2007), speed-up =
  /// n / (1 + contention (n - 1) + coherency n (n - 1)). Empty for fewer than three points.
  std::optional<double> contention;
  std::optional<double> coherency;
  /// Where that curve is highest; empty where it only rises.
  std::optional<double> peak;

  /// The first count that is as fast as the fastest within the noise: more than that only costs. Empty where `doubt`
  /// says why, as the two laws are.
  std::optional<std::uint32_t> stops_paying_at;
  std::string doubt;  ///< why these points do not show how the work scales: `comparison::doubt`; else empty
};

/// What one shape made of the workload.
struct comparison_row {
  fanout::shape shape;  ///< as asked for; `cost.shape` is what ran
  report cost;          ///< its `peak_rss_bytes` starts afresh with each row, where the kernel allows it
  /// Of each run, in their order; `cost` is the run whose wall time is the median (of two, the lower).
  std::vector<std::chrono::nanoseconds> walls;
  double spread = 0;               ///< what lies between the quickest and the slowest of them, over the median
  double others = 0;               ///< cores that other programs used, in the run in which they used least
  std::string failure;             ///< why the row does not count; empty for one in which every task succeeded
  std::optional<double> speedup;   ///< the `sync` row's wall time over this one's; empty without one, and for a failure
  std::optional<double> of_bound;  ///< lower bound over wall time: 1 is perfect; empty for a failure
  std::chrono::nanoseconds startup{0};  ///< from the start of the run to that of its first task
  latency_percentiles latency;          ///< of its tasks
  /// When each task ran, in a run of its own, which is in no other figure; empty unless asked for.
  std::vector<task_span> timeline;
  std::chrono::steady_clock::time_point timeline_begun;  ///< when that run was
  /// How long the threads of that run were ready to run and had no core, in total; negative where the kernel does not
  /// say (proc(5), schedstat).
  std::chrono::nanoseconds timeline_ready{-1};

  bool ok() const noexcept { return failure.empty(); }
};

/// What the tasks do with their time.
enum class work_kind {
  io_bound,      ///< they wait: at most a quarter of a task's time is computing
  mixed,         ///< both
  cpu_bound,     ///< they compute: at least three quarters
  lock_bound,    ///< they wait for each other: one at a time has what all of them need
  memory_bound,  ///< they compute, and more of them at once only share the way to memory
};
std::string to_string(work_kind kind);  ///< "I/O-bound", "mixed", "CPU-bound", "lock-bound", "memory-bound"

/// No shape can be faster than `wall`, from the least that any run needed. A shape with few tasks in flight has a
/// bound of its own, which is higher.
struct lower_bound {
  std::chrono::nanoseconds wall{0};      ///< the greater of `task` and `cpu`
  std::chrono::nanoseconds task{0};      ///< the slowest task, each as quick as in its quietest run
  std::chrono::nanoseconds cpu{0};       ///< the CPU time of all tasks over the cores
  std::chrono::nanoseconds task_cpu{0};  ///< the CPU time of one task, on average
  std::chrono::nanoseconds in_turn{0};   ///< all tasks, each at its quickest, one after the other
  std::chrono::nanoseconds in_flight{
      0};                    ///< that, over `places`: the bound of the shapes compared; zero without a limit
  std::uint32_t places = 0;  ///< tasks in flight at once, at most, in any of the shapes; 0 for no limit
  std::uint32_t cores = 1;
  std::string why;  ///< which of the two it is, in a sentence
};

/// What the machine did besides, while the figures were measured.
struct machine_load {
  double others = 0;      ///< cores that other programs used while no task ran, on average: 1.0 is one core
  double served = 0;      ///< cores that they used besides while tasks ran: servers on this machine, for the tasks
  double given = 0;       ///< cores that this process got when it asked for all of them; 0: not measured
  double full_price = 1;  ///< CPU time of a computation on all cores at once, over that of the same alone

  /// Whether what the tasks wait for computes here, so that programs that use the cores slow it down.
  bool serves() const noexcept { return served >= 0.5; }
};

/// One workload under several shapes. A plain value.
struct comparison {
  std::string name;                  ///< of the workload
  std::string description;           ///< of the workload
  std::uint64_t tasks = 0;           ///< of each run
  std::optional<work_kind> kind;     ///< empty, as the next two, where no task ever succeeded
  std::optional<double> cpu_share;   ///< of one task's time alone, how much it computes: 0 to 1
  std::optional<lower_bound> bound;  ///< what no shape can beat
  double noise = 0;  ///< how much the same piece of work differed in time between the rows: 0.03 is 3 % either way
  std::uint32_t cores = 1;           ///< that this process may use
  machine_load load;                 ///< what else the machine did
  std::vector<comparison_row> rows;  ///< in the order of the shapes
  std::optional<std::size_t> best;   ///< the row to choose; empty if every row failed, and where `doubt` says why
  std::vector<std::size_t> ties;     ///< other rows that were as fast as `best` within the measurement noise
  std::string doubt;                 ///< why these figures do not show which row is best; else empty
  std::optional<scaling> sweep;      ///< of the same work, where it was asked for
  std::string why;                   ///< kind, bound and choice in a few sentences, with this run's numbers

  bool ok() const noexcept;  ///< whether every row is
};

}  // namespace fanout
