#include <fanout/compare/compare.hpp>

#include "compare/alone.hpp"
#include "compare/verdict.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace fanout {
namespace {

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

/// The smallest figures that have been seen for one task, which no run can beat.
struct least_seen {
  std::chrono::nanoseconds task = std::chrono::nanoseconds::max();
  std::chrono::nanoseconds task_cpu = std::chrono::nanoseconds::max();

  void look_at(std::chrono::nanoseconds quickest, std::chrono::nanoseconds cpu_of_one) {
    task = std::min(task, quickest);
    task_cpu = std::min(task_cpu, cpu_of_one);
  }
};

lower_bound make_bound(const least_seen& least, std::uint64_t tasks) {
  lower_bound bound;
  bound.cores = available_cores();
  bound.task = least.task;
  bound.task_cpu = least.task_cpu;
  bound.cpu = least.task_cpu * tasks / bound.cores;
  bound.wall = std::max(bound.task, bound.cpu);
  return bound;
}

work_kind kind_of(double cpu_share) {
  if (cpu_share <= 0.25) return work_kind::io_bound;
  return cpu_share >= 0.75 ? work_kind::cpu_bound : work_kind::mixed;
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
    if (const auto alone = detail::run_alone(work_, run_)) {
      result_.cpu_share = alone->cpu_share;
      result_.kind = kind_of(alone->cpu_share);
      least_.look_at(alone->wall, alone->cpu);
      seen_ = true;
    }
    for (const shape& each : shapes) result_.rows.push_back(run_row(each));
    for (std::uint32_t round = 1; round < how_.rounds; ++round)
      for (comparison_row& row : result_.rows) run_again(row);
    if (how_.timeline)
      for (comparison_row& row : result_.rows) draw(row);
    relate();
    detail::conclude(result_);
    return std::move(result_);
  }

 private:
  comparison_row run_row(const shape& under) {
    if (how_.on_measure) how_.on_measure(&under);
    comparison_row row;
    row.shape = under;
    run_.shape = under;
    reset_peak_memory();
    try {
      workload_run done = work_.run(run_, work_.tasks);
      detail::throw_if_stopped(done.cost);
      row.cost = std::move(done.cost);
      row.startup = done.startup;
      row.latency = done.latency;
      check(row, done);
    } catch (const error& failed) {
      if (failed.kind() == failure_kind::cancelled) throw;
      row.failure = failed.what();
    } catch (const std::exception& failed) {  // the shape cannot run this work, or not on this machine
      row.failure = failed.what();
    }
    // Nothing of it was measured: all of it failed.
    if (row.cost.tasks == 0) row.cost.failures = work_.tasks;
    return row;
  }

  void run_again(comparison_row& row) {
    if (!row.ok()) return;
    comparison_row again = run_row(row.shape);
    if (!again.ok() || again.cost.wall < row.cost.wall) row = std::move(again);
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
      least_.look_at(done.quickest, row.cost.cpu() / row.cost.tasks);
      seen_ = true;
    }
  }

  /// Fills in what is relative to the bound and to the `sync` row.
  void relate() {
    if (seen_) result_.bound = make_bound(least_, work_.tasks);
    const auto one_by_one = std::ranges::find_if(
        result_.rows, [](const comparison_row& row) { return row.ok() && row.shape.model == model::sync; });
    for (comparison_row& row : result_.rows) {
      if (!row.ok()) continue;
      row.of_bound = ratio(result_.bound->wall, row.cost.wall);
      if (one_by_one != result_.rows.end()) row.speedup = ratio(one_by_one->cost.wall, row.cost.wall);
    }
  }

  const workload& work_;
  const compare_options& how_;
  options run_;
  comparison result_;
  least_seen least_;
  bool seen_ = false;
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
