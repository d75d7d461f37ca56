#include <fanout/compare/compare.hpp>

#include "compare/measuring/noise.hpp"
#include "compare/verdict/bound.hpp"
#include "compare/verdict/order.hpp"
#include "compare/verdict/verdict.hpp"
#include "compare/workloads/alone.hpp"
#include "compare/workloads/load.hpp"

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

class comparing {
 public:
  comparing(const workload& work, const compare_options& how) : work_(work), how_(how) {
    run_.interrupt = how.interrupt;
    result_.name = work.name;
    result_.description = work.description;
    result_.tasks = work.tasks;
    result_.cores = available_cores();
  }

  comparison run(const std::vector<shape>& shapes) {
    if (how_.on_measure) how_.on_measure(nullptr);
    sample_machine();
    if (const auto alone = detail::run_alone(work_, run_)) result_.cpu_share = alone->cpu_share;
    for (const shape& each : shapes) measured_.push_back({run_row(each)});
    for (std::uint32_t round = 1; round < how_.rounds; ++round)
      for (auto& runs : measured_) run_again(runs);
    settle();
    look_at_all();
    if (how_.timeline) {
      for (comparison_row& row : result_.rows) draw(row);
      find_bound();  // a run that is drawn may be the quickest
    }
    detail::judge(result_);
    return std::move(result_);
  }

 private:
  void find_bound() {
    detail::bound_finder bound = bound_;
    if (result_.cpu_share) bound.set_computing(*result_.cpu_share);
    for (const comparison_row& row : result_.rows)
      if (row.ok()) bound.allow(row.shape);
    result_.bound = bound.find(work_.tasks, result_.cores);
  }

  using row_runs = std::vector<comparison_row>;  ///< of one shape; a failed one is the last

  comparison_row run_row(const shape& under) {
    if (how_.on_measure) how_.on_measure(&under);
    comparison_row row;
    row.shape = under;
    run_.shape = under;
    reset_peak_memory();
    try {
      const auto before = detail::time_without_core();
      const auto busy_before = detail::busy_now();
      workload_run done = work_.run(run_, work_.tasks);
      row.others = std::max(ratio(detail::busy_now() - busy_before - done.cost.cpu(), done.cost.wall), 0.0);
      const auto without_core = detail::time_without_core() - before + done.without_core;
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
    sample_machine();
    return row;
  }

  void sample_machine() {
    noise_.sample();
    load_.sample();
  }

  /// Runs the shapes whose order is not clear again, and the quickest with them, until it is or time is up.
  void settle() {
    constexpr std::uint32_t most_times = 4;
    const auto begun = std::chrono::steady_clock::now();
    for (std::uint32_t round = how_.rounds; round < most_times * how_.rounds; ++round) {
      look_at_all();
      detail::judge(result_);
      const std::vector<bool> again = detail::rows_to_run_again(result_);
      std::chrono::nanoseconds takes{0};
      for (std::size_t i = 0; i < again.size(); ++i)
        if (again[i]) takes += result_.rows[i].cost.wall;
      if (takes.count() == 0 || std::chrono::steady_clock::now() - begun + takes > how_.settle_within) return;
      for (std::size_t i = 0; i < again.size(); ++i)
        if (again[i]) run_again(measured_[i]);
    }
  }

  /// Fills in what was measured so far.
  void look_at_all() {
    result_.rows.clear();
    for (const auto& runs : measured_) result_.rows.push_back(median_of(runs));
    find_bound();
    result_.noise = noise_.spread();
    const double others = load_.cores();
    result_.load = {others, 0, full_cores_.given, full_cores_.price};
    for (const comparison_row& row : result_.rows) {
      constexpr std::chrono::milliseconds long_enough{100};  // busy time is counted in ticks of some ms
      if (row.ok() && row.cost.wall >= long_enough)
        result_.load.served = std::max(result_.load.served, row.others - others);
    }
  }

  void run_again(row_runs& runs) {
    if (runs.back().ok()) runs.push_back(run_row(runs.back().shape));
  }

  static comparison_row median_of(row_runs runs) {
    if (!runs.back().ok()) return std::move(runs.back());
    std::vector<std::chrono::nanoseconds> walls;
    double least_others = runs.front().others;
    for (const auto& each : runs) {
      walls.push_back(each.cost.wall);
      least_others = std::min(least_others, each.others);
    }
    std::ranges::sort(runs, {}, [](const comparison_row& each) { return each.cost.wall; });
    comparison_row median = std::move(runs[(runs.size() - 1) / 2]);
    // What others do now and then is in some of the runs only.
    median.others = least_others;
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
    detail::ready_meter ready;
    workload_run done = work_.run(run_, work_.tasks);
    row.timeline_ready = ready.stop();
    run_.timeline = false;
    detail::throw_if_stopped(done.cost);
    if (done.cost.failures == 0 && done.cost.tasks == work_.tasks) bound_.look_at(done);
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

  const workload& work_;
  const compare_options& how_;
  options run_;
  comparison result_;
  std::vector<row_runs> measured_;
  detail::bound_finder bound_;
  detail::noise_meter noise_;
  detail::load_meter load_;
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
