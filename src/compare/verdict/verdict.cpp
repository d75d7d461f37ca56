#include "compare/verdict/verdict.hpp"

#include <fanout/compare/detail/text.hpp>

#include "compare/seconds.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>

namespace fanout::detail {
namespace {

bool as_fast(const comparison& of, const comparison_row& row, const comparison_row& quickest) {
  return seconds(row.cost.wall) <= seconds(quickest.cost.wall) * (1 + equality(of));
}

/// By what of two that are as fast the cheaper is found: figures of the shape, not measured ones, which differ for no
/// reason. What more tasks in flight need is memory.
auto needs(const comparison_row& row) {
  const report& cost = row.cost;
  return std::tuple(cost.shape.uses_workers(), cost.processes, cost.threads, cost.shape.tasks);
}

/// Null if every row failed.
const comparison_row* quickest_of(const std::vector<comparison_row>& rows) {
  const comparison_row* quickest = nullptr;
  for (const auto& row : rows)
    if (row.ok() && (!quickest || row.cost.wall < quickest->cost.wall)) quickest = &row;
  return quickest;
}

std::optional<std::size_t> choose(const comparison& of) {
  const auto& rows = of.rows;
  const comparison_row* const quickest = quickest_of(rows);
  if (!quickest) return std::nullopt;
  const comparison_row* best = quickest;
  for (const auto& row : rows)
    if (row.ok() && as_fast(of, row, *quickest) && needs(row) < needs(*best)) best = &row;
  return static_cast<std::size_t>(best - rows.data());
}

std::string say_bound(const lower_bound& bound) {
  return fmt::format("No shape can be faster than {:.3f} s: {}.", seconds(bound.wall), bound.why);
}

std::string count(std::uint64_t number, std::string_view one, std::string_view many) {
  if (number == 0) return fmt::format("no {}", many);
  return fmt::format("{} {}", number, number == 1 ? one : many);
}

std::string say_where(const comparison_row& row) {
  if (row.shape.uses_workers())
    return fmt::format("{} with {}", count(row.cost.processes, "worker process", "worker processes"),
                       count(row.cost.threads, "thread", "threads"));
  return count(row.cost.threads, "thread", "threads");
}

/// The quickest row that is not as fast as the best. Null if there is none.
const comparison_row* next_best(const comparison& of) {
  const comparison_row* next = nullptr;
  for (const auto& row : of.rows)
    if (row.ok() && !as_fast(of, row, *quickest_of(of.rows)) && (!next || row.cost.wall < next->cost.wall)) next = &row;
  return next;
}

std::string say_best(const comparison& of, const comparison_row& best) {
  std::string said =
      fmt::format("Choose {}: {:.3f} s on {}", to_string(best.shape), seconds(best.cost.wall), say_where(best));
  const comparison_row* const next = next_best(of);
  const bool said_later = next && next->shape.model == model::sync;
  if (best.speedup && best.shape.model != model::sync && !said_later)
    said += fmt::format(", {:.2f} times as fast as sync", *best.speedup);
  if (of.kind && *of.kind != work_kind::io_bound)
    said += fmt::format(", with {:.2f} cores busy", best.cost.cores_used());
  said += '.';
  if (!best.cost.choice.empty())
    said += fmt::format(" It became {}: {}.", to_string(best.cost.shape), best.cost.choice);
  return said;
}

std::string say_equals(const comparison& of, const comparison_row& best) {
  std::vector<std::string> dearer;
  std::vector<std::string> alike;
  for (const auto& row : of.rows)
    if (&row != &best && row.ok() && as_fast(of, row, *quickest_of(of.rows)))
      (needs(best) < needs(row) ? dearer : alike).push_back(to_string(row.shape));
  const std::string within =
      equality(of) > practically_equal
          ? fmt::format("the {:.0f} % by which this machine differs from itself", equality(of) * 100)
          : fmt::format("{:.0f} %", practically_equal * 100);
  const auto say = [&](const std::vector<std::string>& who, std::string_view what) {
    if (who.empty()) return std::string();
    const bool one = who.size() == 1;
    return fmt::format(" {} {} as fast within {}, and {} {}.", fmt::join(who, ", "), one ? "is" : "are", within,
                       one ? "needs" : "need", what);
  };
  return say(dearer, "more processes, threads or tasks in flight") + say(alike, "as much");
}

/// What `best` needs that `other` does not, and the other way round.
std::string say_price(const comparison_row& best, const comparison_row& other) {
  std::vector<std::string> prices;
  const auto compare_counts = [&](std::uint64_t mine, std::uint64_t theirs, const char* one, const char* many) {
    if (mine != theirs) prices.push_back(fmt::format("{} instead of {}", count(mine, one, many), theirs));
  };
  const auto processes_of = [](const comparison_row& row) { return row.shape.uses_workers() ? row.cost.processes : 0; };
  compare_counts(processes_of(best), processes_of(other), "worker process", "worker processes");
  compare_counts(best.cost.threads, other.cost.threads, "thread", "threads");
  const double mine = static_cast<double>(best.cost.peak_rss_bytes) / (1024 * 1024);
  const double theirs = static_cast<double>(other.cost.peak_rss_bytes) / (1024 * 1024);
  if (mine > theirs * 1.2 || theirs > mine * 1.2)
    prices.push_back(fmt::format("{:.0f} MiB of memory instead of {:.0f}", mine, theirs));
  if (prices.empty()) return "for nothing more";
  return fmt::format("for {}", fmt::join(prices, ", "));
}

std::string say_gain(const comparison& of, const comparison_row& best) {
  const comparison_row* const next = next_best(of);
  if (!next) return "";
  return fmt::format(" That is {:.2f} times as fast as the next best, {}, {}.",
                     seconds(next->cost.wall) / seconds(best.cost.wall), to_string(next->shape),
                     say_price(best, *next));
}

/// What to make of it, for those who have not seen it before.
std::string say_lesson(work_kind kind) {
  switch (kind) {
    case work_kind::io_bound:
      return " What waits needs no core: the more tasks wait at the same time the better, and one thread can hold "
             "them.";
    case work_kind::cpu_bound:
      return " What computes needs a core to itself: as many tasks at a time as there are cores, and no more.";
    case work_kind::mixed:
      return " Waiting overlaps anywhere and computing only on several cores, so it takes both: many tasks at once, on "
             "every core.";
    case work_kind::lock_bound:
      return " A lock makes many threads one: only what does not share it, as another process, runs beside it. So it "
             "is "
             "for every program under an interpreter's lock.";
    case work_kind::memory_bound:
      return " Cores share the way to memory: once it is full, more of them wait for it instead of each other.";
  }
  return "";
}

/// What one event loop on one thread made of the work: the claim that is believed least. Tasks that overlap take less
/// time than one after another; how much less does not matter here.
std::string say_async(const comparison& of) {
  constexpr double clearly_less = 0.9;
  const auto row = std::ranges::find_if(
      of.rows, [](const comparison_row& each) { return each.ok() && each.shape.model == model::async; });
  if (row == of.rows.end() || !of.bound || of.tasks < 2 || row->shape.tasks < 2) return "";
  const double in_turn = seconds(of.bound->in_turn);
  const bool overlapped = seconds(row->cost.wall) < in_turn * clearly_less;
  return fmt::format(
      " {} {} the tasks: its one thread used {:.2f} cores and took {:.3f} s; one after another, {} tasks take {:.3f} s "
      "or more.",
      to_string(row->shape), overlapped ? "overlapped" : "did not overlap", row->cost.cores_used(),
      seconds(row->cost.wall), of.tasks, in_turn);
}

}  // namespace

double equality(const comparison& of) {
  return std::max(practically_equal, of.noise);
}

void conclude(comparison& of, std::string_view figure) {
  of.best = choose(of);
  if (!of.best) {
    of.why = fmt::format("No shape can be recommended, as all failed. {}: {}", to_string(of.rows.front().shape),
                         printable(of.rows.front().failure));
    if (!of.why.ends_with('.')) of.why += '.';
    return;
  }
  const comparison_row& best = of.rows[*of.best];
  if (of.kind) of.why = fmt::format("{}: {} ", to_string(*of.kind), figure);
  if (of.bound) of.why += say_bound(*of.bound) + ' ';
  of.why += say_best(of, best) + say_equals(of, best) + say_gain(of, best) + say_async(of);
  if (of.kind) of.why += say_lesson(*of.kind);
}

}  // namespace fanout::detail
