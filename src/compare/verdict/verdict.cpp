#include "compare/verdict/verdict.hpp"

#include <fanout/compare/detail/text.hpp>

#include "compare/text/seconds.hpp"
#include "compare/verdict/kind.hpp"
#include "compare/verdict/order.hpp"
#include "compare/verdict/sentences.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>

namespace fanout::detail {
namespace {

double ratio(std::chrono::nanoseconds of, std::chrono::nanoseconds to) {
  return to.count() > 0 ? static_cast<double>(of.count()) / static_cast<double>(to.count()) : 0;
}

const comparison_row* sync_row(const comparison& of) {
  const auto row = std::ranges::find_if(
      of.rows, [](const comparison_row& each) { return each.ok() && each.shape.model == model::sync; });
  return row == of.rows.end() ? nullptr : &*row;
}

/// Fills in what is relative to the bound and to the `sync` row.
void relate(comparison& of) {
  const comparison_row* const one_by_one = sync_row(of);
  for (comparison_row& row : of.rows) {
    row.speedup = row.of_bound = std::nullopt;
    if (!row.ok()) continue;
    if (of.bound) row.of_bound = ratio(of.bound->wall, row.cost.wall);
    if (one_by_one) row.speedup = ratio(one_by_one->cost.wall, row.cost.wall);
  }
}

/// How many cores the tasks use if they take the least time that the shapes allow; what a row was seen to use is less
/// where other programs have the cores. How long tasks waited for a core cannot be told from a row: after a wait, it
/// may be fifteen times what they then compute.
double cores_undisturbed(const comparison& of) {
  if (!of.bound) return 0;
  const double least = seconds(std::max(of.bound->wall, of.bound->in_flight));
  const double cpu = seconds(of.bound->task_cpu) * static_cast<double>(of.tasks);
  return least > 0 ? std::min<double>(cpu / least, of.cores) : 0;
}

/// How many cores the shapes could keep busy. Work that mostly waits needs what the quicker of them used, or would
/// have.
double cores_wanted(const comparison& of, double cpu_share) {
  constexpr double mostly_waits = 0.25;
  constexpr double near = 2;
  const comparison_row& quickest = *quickest_of(of.rows);
  double wanted = cores_undisturbed(of);
  if (of.load.serves()) wanted += of.load.served;
  for (const auto& row : of.rows) {
    if (!row.ok()) continue;
    const std::uint64_t lanes = std::min<std::uint64_t>({row.cost.threads, of.tasks, of.cores});
    if (cpu_share > mostly_waits)
      wanted = std::max(wanted, static_cast<double>(lanes));
    else if (seconds(row.cost.wall) < near * seconds(quickest.cost.wall))
      wanted = std::max(wanted, row.cost.cores_used());
  }
  return wanted;
}

/// Whether other programs used cores that the shapes wanted, and more of them than a system's own work takes.
bool cores_taken(const comparison& of) {
  constexpr double of_a_core = 0.15;
  constexpr double of_all = 0.05;
  const double cores = of.cores;
  return of.load.others >= std::max(of_a_core, of_all * cores) &&
         cores_wanted(of, of.cpu_share.value_or(1)) + of.load.others > cores - of_a_core / 2;
}

/// Whether the order of the rows depends on who has the cores. What the quickest row used shows it for work that waits
/// and got a core each time; tasks that got none use little of one, so what they need counts too.
bool needs_cores(const comparison& of, const comparison_row& quickest) {
  constexpr double of_a_core = 0.25;
  return of.kind != work_kind::io_bound || std::max(quickest.cost.cores_used(), cores_undisturbed(of)) >= of_a_core;
}

/// Fills in the kind of work and returns the figure that shows it.
std::string name_kind(comparison& of) {
  if (!of.cpu_share || !of.bound) return "";
  work_evidence known;
  known.tasks = of.tasks;
  known.cores = of.cores;
  known.cpu_share = *of.cpu_share;
  known.task = seconds(of.bound->task);
  known.wall_one_by_one = seconds(of.bound->in_turn);
  known.cpu_one_by_one = seconds(of.bound->task_cpu) * static_cast<double>(of.tasks);
  known.noise = of.noise;
  known.full_cores = of.load.full_price;
  known.given_cores = of.load.given;
  known.disturbed = cores_taken(of);
  for (const comparison_row& row : of.rows) {
    if (!row.ok()) continue;
    const double wall = seconds(row.cost.wall);
    const double cpu = seconds(row.cost.cpu());
    const double quickest = row.walls.empty() ? wall : seconds(std::ranges::min(row.walls));
    known.rows.push_back({to_string(row.shape), row.cost.shape.uses_workers(), row.cost.threads, wall, cpu, quickest});
    if (row.shape.model != model::sync) continue;
    known.wall_one_by_one = wall;
    known.cpu_one_by_one = cpu;
  }
  const kind_finding found = find_kind(known);
  of.kind = found.kind;
  return found.figure;
}

/// By what of two that tie the cheaper is found: figures of the shape, not measured ones, which differ for no reason.
/// What more tasks in flight need is memory.
auto needs(const comparison_row& row) {
  const report& cost = row.cost;
  return std::tuple(cost.shape.uses_workers(), cost.processes, cost.threads, cost.shape.tasks, cost.shape.model);
}

void choose(comparison& of) {
  const comparison_row* const quickest = quickest_of(of.rows);
  const auto ties = [&](const comparison_row& row) {
    return row.ok() && (&row == quickest || order_of(of, *quickest, row) == order::tie);
  };
  const comparison_row* best = quickest;
  for (const auto& row : of.rows)
    if (ties(row) && needs(row) < needs(*best)) best = &row;
  of.best = static_cast<std::size_t>(best - of.rows.data());
  for (std::size_t i = 0; i < of.rows.size(); ++i)
    if (i != *of.best && ties(of.rows[i])) of.ties.push_back(i);
}

/// The rows that may be as fast as the quickest, or faster.
std::vector<std::string> contenders(const comparison& of, const comparison_row& quickest) {
  std::vector<std::string> names;
  for (const auto& row : of.rows)
    if (&row != &quickest && row.ok() && order_of(of, quickest, row) != order::slower)
      names.push_back(to_string(row.shape));
  return names;
}

/// Why the figures do not show which row is best. Empty where they do.
std::string find_doubt(const comparison& of) {
  const comparison_row& quickest = *quickest_of(of.rows);
  if (std::ranges::count_if(of.rows, &comparison_row::ok) < 2) return "";
  const bool computing = needs_cores(of, quickest);
  if ((computing || of.load.serves()) && cores_taken(of))
    return fmt::format(
        "other programs used {:.2f} of the {} cores. {}, so the order can be different on a quiet machine",
        of.load.others, of.cores,
        computing ? "A shape with more threads gets a larger share of busy cores"
                  : "What the tasks wait for runs on this machine, too, and had the rest");
  const auto close = contenders(of, quickest);
  if (close.empty()) return "";
  if (computing && of.noise > most_noise)
    return fmt::format(
        "the same computation varied by {:.0f} % between the runs, and {} {} not much slower than the "
        "quickest, {}",
        of.noise * 100, fmt::join(close, ", "), close.size() == 1 ? "is" : "are", to_string(quickest.shape));
  for (const auto& row : of.rows) {
    if (!row.ok()) continue;
    if (spread_of(row) > most_noise && (&row == &quickest || order_of(of, quickest, row) != order::slower))
      return fmt::format("the runs of {} varied by more than {:.0f} %", to_string(row.shape), spread_of(row) * 100);
    if (&row != &quickest && order_of(of, quickest, row) == order::unclear)
      return fmt::format("{} was slower than {} in some runs only", to_string(row.shape), to_string(quickest.shape));
  }
  return "";
}

}  // namespace

void judge(comparison& of) {
  of.best.reset();
  of.ties.clear();
  of.kind.reset();
  of.doubt.clear();
  relate(of);
  if (!quickest_of(of.rows)) {
    of.why = say_failure(of);
    return;
  }
  const std::string figure = name_kind(of);
  of.doubt = find_doubt(of);
  if (of.doubt.empty()) choose(of);
  of.why = say_verdict(of, figure);
}

bool is_disturbed(const comparison& of) {
  return !of.doubt.empty() && (cores_taken(of) || of.noise > most_noise);
}

std::vector<bool> rows_to_run_again(const comparison& of) {
  std::vector<bool> again(of.rows.size());
  const comparison_row* const quickest = quickest_of(of.rows);
  if (!quickest) return again;
  const bool computing = needs_cores(of, *quickest);
  if ((computing || of.load.serves()) && cores_taken(of)) return again;
  const bool too_noisy = computing && of.noise > most_noise;
  bool any = false;
  for (std::size_t i = 0; i < again.size(); ++i) {
    const comparison_row& row = of.rows[i];
    if (!row.ok() || &row == quickest) continue;
    again[i] = !is_settled(of, *quickest, row) || (too_noisy && order_of(of, *quickest, row) != order::slower);
    any = any || again[i];
  }
  again[static_cast<std::size_t>(quickest - of.rows.data())] = any;
  return again;
}

}  // namespace fanout::detail
