#include <fanout/compare/compare.hpp>

#include "compare/measuring/alone.hpp"
#include "compare/measuring/noise.hpp"
#include "compare/seconds.hpp"
#include "compare/verdict/bound.hpp"
#include "compare/verdict/kind.hpp"
#include "compare/verdict/verdict.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace fanout {
namespace {

using detail::seconds;

/// Makes `VmHWM` start afresh from what is resident now (proc(5), clear_refs). Where that is not allowed, a row shows
/// the peak of those before it too.
void reset_peak_memory() {
  const int file = ::open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  [[maybe_unused]] const auto written = ::write(file, "5", 1);
  ::close(file);
}

double ratio(std::chrono::nanoseconds of, std::chrono::nanoseconds to) {
  return to.count() > 0 ? static_cast<double>(of.count()) / static_cast<double>(to.count()) : 0;
}

class comparing {
 public:
  comparing(const workload& work, const compare_options& how) : work_(work), how_(how) {
    run_.interrupt = how.interrupt;
    result_.name = work.name;
    result_.description = work.description;
    result_.tasks = work.tasks;
  }

  comparison run(const std::vector<shape>& shapes) {
    if (how_.on_measure) how_.on_measure(nullptr);
    noise_.sample();
    if (const auto alone = detail::run_alone(work_, run_)) result_.cpu_share = alone->cpu_share;
    for (const shape& each : shapes) measured_.push_back({{run_row(each)}});
    for (std::uint32_t round = 1; round < how_.rounds; ++round)
      for (auto& runs : measured_) run_again(runs);
    for (auto& runs : measured_) result_.rows.push_back(median_of(std::move(runs)));
    if (how_.timeline)
      for (comparison_row& row : result_.rows) draw(row);
    result_.noise = noise_.spread();
    relate();
    const std::string figure = name_kind();
    detail::conclude(result_, figure);
    warn();
    return std::move(result_);
  }

 private:
  using row_runs = std::vector<comparison_row>;  ///< of one shape; a failed one is the last

  comparison_row run_row(const shape& under) {
    if (how_.on_measure) how_.on_measure(&under);
    comparison_row row;
    row.shape = under;
    run_.shape = under;
    reset_peak_memory();
    try {
      const auto before = detail::time_without_core();
      workload_run done = work_.run(run_, work_.tasks);
      const auto without_core = detail::time_without_core() - before;
      detail::throw_if_stopped(done.cost);
      row.cost = std::move(done.cost);
      row.startup = done.startup;
      row.latency = done.latency;
      check(row, done);
      if (row.ok() && under.model == model::sync) result_.cpu_share = detail::cpu_share_of(row.cost, without_core);
    } catch (const error& failed) {
      if (failed.kind() == failure_kind::cancelled) throw;
      row.failure = failed.what();
    } catch (const std::exception& failed) {  // the shape cannot run this work, or not on this machine
      row.failure = failed.what();
    }
    // Nothing of it was measured: all of it failed.
    if (row.cost.tasks == 0) row.cost.failures = work_.tasks;
    row.walls = {row.cost.wall};
    noise_.sample();
    return row;
  }

  void run_again(row_runs& runs) {
    if (runs.back().ok()) runs.push_back(run_row(runs.back().shape));
  }

  static comparison_row median_of(row_runs runs) {
    if (!runs.back().ok()) return std::move(runs.back());
    std::vector<std::chrono::nanoseconds> walls;
    for (const auto& each : runs) walls.push_back(each.cost.wall);
    std::ranges::sort(runs, {}, [](const comparison_row& each) { return each.cost.wall; });
    comparison_row median = std::move(runs[(runs.size() - 1) / 2]);
    const auto [least, most] = std::ranges::minmax(walls);
    median.spread = ratio(most - least, median.cost.wall);
    median.walls = std::move(walls);
    return median;
  }

  /// Runs it once more to see when each task ran. What that shows of a failure, the runs before have not shown.
  void draw(comparison_row& row) {
    if (!row.ok()) return;
    if (how_.on_measure) how_.on_measure(&row.shape);
    run_.shape = row.shape;
    run_.timeline = true;
    workload_run done = work_.run(run_, work_.tasks);
    run_.timeline = false;
    detail::throw_if_stopped(done.cost);
    row.timeline = std::move(done.cost.timeline);
    row.timeline_begun = done.begun;
  }

  void check(comparison_row& row, const workload_run& done) {
    if (row.cost.failures > 0) {
      row.failure = fmt::format("{} of {} tasks failed: {}", row.cost.failures, work_.tasks, done.failure);
    } else if (row.cost.tasks != work_.tasks) {
      row.failure = fmt::format("{} of {} tasks were run", row.cost.tasks, work_.tasks);
      row.cost.failures = work_.tasks - row.cost.tasks;
    } else if (checksum_ && *checksum_ != done.checksum) {
      row.failure = "the results differ from those of the rows before";
      row.cost.failures = work_.tasks;
    } else {
      checksum_ = done.checksum;
      bound_.look_at(done);
    }
  }

  /// Fills in what is relative to the bound and to the `sync` row.
  void relate() {
    for (const comparison_row& row : result_.rows)
      if (row.ok()) bound_.allow(row.shape);
    result_.bound = bound_.find(work_.tasks);
    const auto one_by_one = std::ranges::find_if(
        result_.rows, [](const comparison_row& row) { return row.ok() && row.shape.model == model::sync; });
    for (comparison_row& row : result_.rows) {
      if (!row.ok()) continue;
      row.of_bound = ratio(result_.bound->wall, row.cost.wall);
      if (one_by_one != result_.rows.end()) row.speedup = ratio(one_by_one->cost.wall, row.cost.wall);
    }
  }

  /// Fills in the kind of work and returns the figure that shows it.
  std::string name_kind() {
    if (!result_.cpu_share || !result_.bound) return "";
    detail::work_evidence known;
    known.tasks = work_.tasks;
    known.cores = result_.bound->cores;
    known.cpu_share = *result_.cpu_share;
    known.task = seconds(result_.bound->task);
    known.wall_one_by_one = seconds(bound_.one_by_one());
    known.cpu_one_by_one = seconds(result_.bound->task_cpu) * static_cast<double>(work_.tasks);
    known.noise = result_.noise;
    known.full_cores = full_cores_.price;
    known.given_cores = full_cores_.given;
    for (const comparison_row& row : result_.rows) {
      if (!row.ok()) continue;
      const double wall = seconds(row.cost.wall);
      const double cpu = seconds(row.cost.cpu());
      known.rows.push_back({to_string(row.shape), row.cost.shape.uses_workers(), row.cost.threads, wall, cpu});
      if (row.shape.model != model::sync) continue;
      known.wall_one_by_one = wall;
      known.cpu_one_by_one = cpu;
    }
    const detail::kind_finding found = detail::find_kind(known);
    result_.kind = found.kind;
    return found.figure;
  }

  /// Says so where the figures are somebody else's.
  void warn() {
    constexpr double disturbed = 0.9;
    const std::uint32_t cores = available_cores();
    if (!result_.best || full_cores_.given >= disturbed * cores) return;
    result_.why += fmt::format(
        " Beware: other programs were computing, and of its {} cores this machine gave {:.2f}; measure again when it "
        "is quiet.",
        cores, full_cores_.given);
  }

  const workload& work_;
  const compare_options& how_;
  options run_;
  comparison result_;
  std::vector<row_runs> measured_;
  detail::bound_finder bound_;
  detail::noise_meter noise_;
  detail::full_cores full_cores_ = detail::measure_full_cores();
  std::optional<std::uint64_t> checksum_;
};

}  // namespace

std::string detail::own_tasks(std::uint64_t count) {
  return fmt::format("{} {} of the caller's own", count, count == 1 ? "task" : "tasks");
}

std::string to_string(work_kind kind) {
  switch (kind) {
    case work_kind::io_bound:
      return "I/O-bound";
    case work_kind::mixed:
      return "mixed";
    case work_kind::cpu_bound:
      return "CPU-bound";
    case work_kind::lock_bound:
      return "lock-bound";
    case work_kind::memory_bound:
      return "memory-bound";
  }
  return "unknown";
}

bool comparison::ok() const noexcept {
  return std::ranges::all_of(rows, &comparison_row::ok);
}

comparison compare(const workload& work, const std::vector<shape>& shapes, const compare_options& how) {
  if (work.tasks == 0) throw std::invalid_argument("a workload needs at least one task");
  if (shapes.empty()) throw std::invalid_argument("a comparison needs at least one shape");
  if (how.rounds == 0) throw std::invalid_argument("a comparison needs at least one round");
  return comparing(work, how).run(shapes);
}

}  // namespace fanout
