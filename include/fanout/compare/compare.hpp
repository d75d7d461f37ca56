#pragma once

#include <fanout/compare/sweep.hpp>
#include <fanout/compare/workload.hpp>
#include <fanout/core/interrupt.hpp>
#include <fanout/core/report.hpp>
#include <fanout/core/shape.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

/// \file
/// The same work under several shapes, measured, and what follows from it.
///
///     auto found = fanout::compare(fanout::workloads::io("http://127.0.0.1:8080/delay/400", 5, 30s),
///                                  {fanout::sync(), fanout::threads(5), fanout::async(5)});
///     std::cout << fanout::render_table(found);
namespace fanout {

/// What one shape made of the workload.
struct comparison_row {
  fanout::shape shape;  ///< as asked for; `cost.shape` is what ran
  report cost;          ///< its `peak_rss_bytes` starts afresh with each row, where the kernel allows it
  /// Of each run, in their order; `cost` is the run whose wall time is the median (of two, the lower).
  std::vector<std::chrono::nanoseconds> walls;
  double spread = 0;               ///< what lies between the quickest and the slowest of them, over the median
  std::string failure;             ///< why the row does not count; empty for one in which every task succeeded
  std::optional<double> speedup;   ///< the `sync` row's wall time over this one's; empty without one, and for a failure
  std::optional<double> of_bound;  ///< lower bound over wall time: 1 is perfect; empty for a failure
  std::chrono::nanoseconds startup{0};  ///< from the start of the run to that of its first task
  latency_percentiles latency;          ///< of its tasks
  /// When each task ran, in a run of its own, which is in no other figure; empty unless asked for.
  std::vector<task_span> timeline;
  std::chrono::steady_clock::time_point timeline_begun;  ///< when that run was

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

/// No shape of those compared can be faster than this: from the least that any run was seen to need.
struct lower_bound {
  std::chrono::nanoseconds wall{0};       ///< the greatest of the three below
  std::chrono::nanoseconds task{0};       ///< the slowest task, each at the quickest it was seen
  std::chrono::nanoseconds cpu{0};        ///< the CPU time of all tasks over the cores
  std::chrono::nanoseconds task_cpu{0};   ///< the CPU time of one task, on average
  std::chrono::nanoseconds in_turn{0};    ///< all tasks, each at its quickest, one after the other
  std::chrono::nanoseconds in_flight{0};  ///< that, over `places`; zero without a limit
  std::uint32_t places = 0;               ///< tasks under way at once, at most, in any of the shapes; 0 for no limit
  std::uint32_t cores = 1;
  std::string why;  ///< which of the three it is, in a sentence
};

/// One workload under several shapes. A plain value.
struct comparison {
  std::string name;                  ///< of the workload
  std::string description;           ///< of the workload
  std::uint64_t tasks = 0;           ///
  std::optional<work_kind> kind;     ///< empty, as the next two, where no task ever succeeded
  std::optional<double> cpu_share;   ///< of one task's time alone, how much it computes: 0 to 1
  std::optional<lower_bound> bound;  ///
  double noise = 0;  ///< how much the same piece of work differed in time between the rows: 0.03 is 3 % either way
  std::vector<comparison_row> rows;  ///< in the order of the shapes
  std::optional<std::size_t> best;   ///< the row to choose; empty if every row failed
  std::optional<scaling> sweep;      ///< of the same work, where it was asked for
  std::string why;                   ///< kind, bound and choice in a few sentences, with this run's numbers

  bool ok() const noexcept;  ///< whether every row is
};

struct compare_options {
  /// Raised: `compare` cancels what is under way and throws a `fanout::error` of kind `cancelled`. May be null.
  const fanout::interrupt* interrupt = nullptr;
  /// How often the work is run under each shape, at least once. The shapes take turns, so that a machine whose speed
  /// drifts disturbs all alike, and the median run of each is its row. One that fails is its row in any case.
  std::uint32_t rounds = 3;
  bool timeline = false;  ///< run each shape once more, for `comparison_row::timeline`
  /// Called before each run under a shape, and with null before the tasks that are run alone.
  std::function<void(const fanout::shape*)> on_measure;
};

namespace detail {
std::string own_tasks(std::uint64_t count);
}

/// Runs `work` under each of `shapes`, in turn; before that, single tasks alone, to warm up and to see what a task
/// takes when nothing disturbs it; between the runs a piece of work that is always the same, to see how much the
/// machine differs from itself. Rows that differ by less are called equal. Failures of tasks, results that differ
/// between rows, and shapes that cannot run the work fail their row. Throws `std::invalid_argument` without tasks or
/// shapes.
///
/// Resets this process's peak of resident memory (`VmHWM` of proc(5)) before each row. Thread safety: two comparisons
/// at once disturb each other's figures, and nothing else.
comparison compare(const workload& work, const std::vector<shape>& shapes, const compare_options& how = {});

/// The same for a task of the caller's, as `run` takes it, applied to each of `inputs`, which should take about equally
/// long. Results are not compared; a task that throws has failed. What a shape cannot run is a row that says why: a
/// blocking task in a loop, one that is no `remote<f>` in worker processes.
///
///     auto found = fanout::compare(resize, pictures, {fanout::sync(), fanout::threads(4), fanout::processes(4)});
template <class Task, std::ranges::input_range Inputs>
  requires task_for<Task, std::ranges::range_value_t<Inputs>>
comparison compare(Task function, const Inputs& inputs, const std::vector<shape>& shapes,
                   const compare_options& how = {}) {
  using input = std::ranges::range_value_t<Inputs>;
  std::vector<input> all(std::ranges::begin(inputs), std::ranges::end(inputs));
  const auto count = all.size();
  return compare(make_workload("own", detail::own_tasks(count), std::move(function), std::move(all),
                               [](const auto&) { return std::uint64_t{0}; }),
                 shapes, how);
}

/// The same as text: a heading, one line for each row, and the conclusion. At most `width` columns (never fewer than
/// 40), unless the name of a shape is longer than any real one; where the figures need more, the least telling are left
/// out. Characters that could control a terminal are escaped.
std::string render_table(const comparison& of, std::size_t width = 80);

/// One JSON object for all: `{"machine": {...}, "workloads": [...]}`. Times are in seconds. What is not known is null.
std::string to_json(const std::vector<comparison>& all);

}  // namespace fanout
