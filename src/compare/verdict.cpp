#include "compare/verdict.hpp"

#include "compare/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>

namespace fanout::detail {
namespace {

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

bool as_fast(const comparison_row& row, const comparison_row& quickest) {
  return seconds(row.cost.wall) <= seconds(quickest.cost.wall) * practically_equal;
}

auto needs(const comparison_row& row) {
  const report& cost = row.cost;
  return std::tuple(row.shape.uses_workers(), cost.processes, cost.threads, cost.peak_rss_bytes);
}

/// Null if every row failed.
const comparison_row* quickest_of(const std::vector<comparison_row>& rows) {
  const comparison_row* quickest = nullptr;
  for (const auto& row : rows)
    if (row.ok() && (!quickest || row.cost.wall < quickest->cost.wall)) quickest = &row;
  return quickest;
}

std::optional<std::size_t> choose(const std::vector<comparison_row>& rows) {
  const comparison_row* const quickest = quickest_of(rows);
  if (!quickest) return std::nullopt;
  const comparison_row* best = quickest;
  for (const auto& row : rows)
    if (row.ok() && as_fast(row, *quickest) && needs(row) < needs(*best)) best = &row;
  return static_cast<std::size_t>(best - rows.data());
}

std::string say_kind(const comparison& of) {
  std::string_view meaning = "waits for the rest";
  if (of.kind == work_kind::cpu_bound) meaning = "hardly ever waits";
  return fmt::format("{}: alone, a task computes for {:.1f} % of its time and {}.", to_string(*of.kind),
                     *of.cpu_share * 100, meaning);
}

std::string say_bound(const comparison& of) {
  const lower_bound& bound = *of.bound;
  if (bound.cpu > bound.task)
    return fmt::format(
        "No shape can be faster than {:.3f} s: {} tasks of {:.3f} s of CPU each, the least measured in this run, on {} "
        "{}.",
        seconds(bound.wall), of.tasks, seconds(bound.task_cpu), bound.cores, bound.cores == 1 ? "core" : "cores");
  return fmt::format(
      "No shape can be faster than {:.3f} s, the time of a single task: the quickest one of this run, however many ran "
      "beside it.",
      seconds(bound.wall));
}

std::string count(std::uint64_t number, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", number, number == 1 ? one : many);
}

std::string say_where(const comparison_row& row) {
  if (row.shape.uses_workers())
    return fmt::format("{} with {}", count(row.cost.processes, "worker process", "worker processes"),
                       count(row.cost.threads, "thread", "threads"));
  return count(row.cost.threads, "thread", "threads");
}

std::string say_best(const comparison& of, const comparison_row& best) {
  std::string said =
      fmt::format("Choose {}: {:.3f} s on {}", to_string(best.shape), seconds(best.cost.wall), say_where(best));
  if (best.speedup && best.shape.model != model::sync)
    said += fmt::format(", {:.2f} times as fast as sync", *best.speedup);
  if (of.kind == work_kind::cpu_bound) said += fmt::format(", with {:.2f} cores busy", best.cost.cores_used());
  said += '.';
  if (!best.cost.choice.empty())
    said += fmt::format(" It became {}: {}.", to_string(best.cost.shape), best.cost.choice);
  std::vector<std::string> equals;
  for (const auto& row : of.rows)
    if (&row != &best && row.ok() && as_fast(row, *quickest_of(of.rows))) equals.push_back(to_string(row.shape));
  if (!equals.empty())
    said += fmt::format(" {} {} as fast within 2 %, and {} more threads, processes or memory.", fmt::join(equals, ", "),
                        equals.size() == 1 ? "is" : "are", equals.size() == 1 ? "needs" : "need");
  return said;
}

/// What one event loop on one thread made of the work: the claim that is believed least. Tasks that overlap take less
/// time than one after another; how much less does not matter here.
std::string say_async(const comparison& of) {
  constexpr double clearly_less = 0.9;
  const auto row = std::ranges::find_if(
      of.rows, [](const comparison_row& each) { return each.ok() && each.shape.model == model::async; });
  if (row == of.rows.end() || of.tasks < 2 || row->shape.tasks < 2) return "";
  const double in_turn = seconds(of.bound->task) * static_cast<double>(of.tasks);
  const bool overlapped = seconds(row->cost.wall) < in_turn * clearly_less;
  return fmt::format(
      " {} {} the tasks: its one thread used {:.2f} cores and took {:.3f} s; one after another, {} tasks take {:.3f} s "
      "or more.",
      to_string(row->shape), overlapped ? "overlapped" : "did not overlap", row->cost.cores_used(),
      seconds(row->cost.wall), of.tasks, in_turn);
}

}  // namespace

void conclude(comparison& of) {
  of.best = choose(of.rows);
  if (!of.best) {
    of.why = fmt::format("No shape can be recommended, as all failed. {}: {}", to_string(of.rows.front().shape),
                         printable(of.rows.front().failure));
    return;
  }
  if (of.kind) of.why = say_kind(of) + ' ';
  of.why += say_bound(of) + ' ' + say_best(of, of.rows[*of.best]) + say_async(of);
}

}  // namespace fanout::detail
