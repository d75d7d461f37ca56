#include "compare/verdict/sentences.hpp"

#include <fanout/compare/detail/text.hpp>

#include "compare/text/seconds.hpp"
#include "compare/verdict/order.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <vector>

namespace fanout::detail {
namespace {

std::string count(std::uint64_t number, std::string_view one, std::string_view many) {
  if (number == 0) return fmt::format("no {}", many);
  return fmt::format("{} {}", number, number == 1 ? one : many);
}

/// "a", "a and b", "a, b and c"
std::string listed(const std::vector<std::string>& names) {
  if (names.size() < 2) return names.empty() ? "" : names.front();
  const std::vector<std::string> first(names.begin(), names.end() - 1);
  return fmt::format("{} and {}", fmt::join(first, ", "), names.back());
}

/// "200 tasks of 0.070 s"; uneven ones have an average and a longest.
std::string say_tasks(const lower_bound& bound, std::uint64_t tasks) {
  constexpr double alike = 1.25;
  const double average = seconds(bound.in_turn) / static_cast<double>(tasks);
  if (seconds(bound.task) <= average * alike) return fmt::format("{} tasks of {:.3f} s", tasks, average);
  return fmt::format("{} tasks of {:.3f} s on average (the longest: {:.3f} s)", tasks, average, seconds(bound.task));
}

std::string say_bound(const lower_bound& bound, std::uint64_t tasks) {
  std::string said = fmt::format("No shape can be faster than {:.3f} s: {}.", seconds(bound.wall), bound.why);
  const bool higher = seconds(bound.in_flight) > seconds(bound.wall) * (1 + practically_equal);
  if (bound.places > 0 && bound.places < tasks && higher)
    said += fmt::format(" With {} in flight, the most of the shapes measured, {} take at least {:.3f} s.", bound.places,
                        say_tasks(bound, tasks), seconds(bound.in_flight));
  return said;
}

std::string say_where(const comparison_row& row) {
  if (row.shape.uses_workers())
    return fmt::format("{} with {} in total", count(row.cost.processes, "worker process", "worker processes"),
                       count(row.cost.threads, "thread", "threads"));
  return count(row.cost.threads, "thread", "threads");
}

/// The quickest row that ties neither with the quickest of all nor with the best. Null if there is none.
const comparison_row* next_best(const comparison& of) {
  const comparison_row* next = nullptr;
  for (std::size_t i = 0; i < of.rows.size(); ++i) {
    const comparison_row& row = of.rows[i];
    if (!row.ok() || i == of.best || std::ranges::find(of.ties, i) != of.ties.end()) continue;
    if (!next || row.cost.wall < next->cost.wall) next = &row;
  }
  return next;
}

bool computes(const comparison& of) {
  return of.kind == work_kind::cpu_bound || of.kind == work_kind::memory_bound || of.kind == work_kind::lock_bound;
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

/// Two cores cannot do more than twice the work of one.
std::string say_excess(const comparison& of, const comparison_row& best) {
  if (!computes(of) || !best.speedup || *best.speedup <= of.cores * (1 + practically_equal)) return "";
  return fmt::format(" More than {} times is measurement noise: there {} {} {}.", of.cores,
                     of.cores == 1 ? "is" : "are", of.cores, of.cores == 1 ? "core" : "cores");
}

std::string say_ties(const comparison& of, const comparison_row& best) {
  const auto cheaper = [](const comparison_row& row) {
    return std::tuple(row.cost.shape.uses_workers(), row.cost.processes, row.cost.threads, row.cost.shape.tasks);
  };
  std::vector<std::string> dearer;
  std::vector<std::string> alike;
  double noise = equality(of);
  for (const std::size_t at : of.ties) {
    const comparison_row& row = of.rows[at];
    const double apart = seconds(row.cost.wall) / seconds(best.cost.wall);
    noise = std::max({noise, apart - 1, 1 - apart});
    (cheaper(best) < cheaper(row) ? dearer : alike).push_back(to_string(row.shape));
  }
  const auto say = [&](const std::vector<std::string>& who, std::string_view what) {
    if (who.empty()) return std::string();
    const bool one = who.size() == 1;
    return fmt::format(" {} {} as fast within the measurement noise ({:.0f} %) and {} {}.", listed(who),
                       one ? "is" : "are", noise * 100, one ? "needs" : "need", what);
  };
  return say(dearer, "more processes, threads or tasks in flight") + say(alike, "the same number of threads");
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
  constexpr double much = 1.2;
  const double mine = static_cast<double>(best.cost.peak_rss_bytes) / (1024 * 1024);
  const double theirs = static_cast<double>(other.cost.peak_rss_bytes) / (1024 * 1024);
  if (mine > theirs * much || theirs > mine * much)
    prices.push_back(fmt::format("{:.0f} MiB of memory instead of {:.0f}", mine, theirs));
  if (prices.empty()) return "at no extra cost";
  return fmt::format("with {}", listed(prices));
}

std::string say_gain(const comparison& of, const comparison_row& best) {
  const comparison_row* const next = next_best(of);
  if (!next) return "";
  return fmt::format(" It is {:.2f} times as fast as the next best, {}, {}.",
                     seconds(next->cost.wall) / seconds(best.cost.wall), to_string(next->shape),
                     say_price(best, *next));
}

/// Where what the tasks wait for computes on this machine.
std::string say_served(const comparison& of) {
  if (of.kind != work_kind::io_bound || !of.load.serves()) return "";
  return fmt::format(" What the tasks wait for runs on this machine and used {:.2f} of its {} cores.", of.load.served,
                     of.cores);
}

/// What to learn from it, for readers who have not seen it before.
std::string say_lesson(const comparison& of) {
  switch (*of.kind) {
    case work_kind::io_bound:
      return " Waiting uses no CPU; one thread can wait for many tasks.";
    case work_kind::cpu_bound: {
      const bool measured = std::ranges::any_of(of.rows, [&](const comparison_row& row) {
        return row.ok() && !row.shape.uses_workers() && row.cost.threads == of.cores;
      });
      std::string said = fmt::format(" Each task that computes uses a core: run as many at a time as there are cores");
      if (of.cores > 1) said += fmt::format(", threads:{}", of.cores);
      if (of.cores > 1 && !measured) said += " (not measured here)";
      said += '.';
      if (of.best && of.cores > 1 && of.rows[*of.best].cost.threads > of.cores && of.tasks % of.cores != 0)
        said += fmt::format(" More threads than cores helped here because {} tasks do not divide by {}.", of.tasks,
                            of.cores);
      return said;
    }
    case work_kind::mixed:
      return " Waiting overlaps on one thread; computing needs several cores. Run many tasks at a time, on every core.";
    case work_kind::lock_bound:
      return " Threads that need the same lock run one at a time. Each worker process has its own lock, so processes "
             "run at the same time. Programs under an interpreter's lock (GIL) behave like this.";
    case work_kind::memory_bound:
      return " All cores share the memory bandwidth: when it is used up, more cores do not help.";
  }
  return "";
}

/// What one event loop on one thread made of the work. Tasks that overlap take less time than one after another; how
/// much less does not matter here.
std::string say_async(const comparison& of) {
  constexpr double clearly_less = 0.9;
  const auto row = std::ranges::find_if(
      of.rows, [](const comparison_row& each) { return each.ok() && each.shape.model == model::async; });
  if (row == of.rows.end() || !of.bound || of.tasks < 2 || row->shape.tasks < 2) return "";
  constexpr double one_thread = 1.2;  // programs that it waits for may use more
  if (row->cost.cores_used() > one_thread) return "";
  const double in_turn = seconds(of.bound->in_turn);
  const bool overlapped = seconds(row->cost.wall) < in_turn * clearly_less;
  return fmt::format(
      " {} {} the tasks: its one thread used {:.2f} cores and took {:.3f} s; one after another, {} tasks take at least "
      "{:.3f} s.",
      to_string(row->shape), overlapped ? "overlapped" : "did not overlap", row->cost.cores_used(),
      seconds(row->cost.wall), of.tasks, in_turn);
}

std::string say_in_flight(const comparison& of) {
  const auto found = find_in_flight(of);
  if (!found) return "";
  const std::string law =
      fmt::format("By Little's law, in flight = rate x latency = {:.0f} tasks/s x {:.3f} s = {:.0f}", found->rate,
                  found->latency, found->in_flight());
  if (found->pays_up_to == 1)
    return fmt::format(" More in flight does not pay: one at a time is as fast as {}:{}. {}.", found->model,
                       found->most, law);
  if (found->pays_up_to == found->most)
    return fmt::format(" More in flight still pays at {}:{}, the most measured. {}.", found->model, found->most, law);
  return fmt::format(" More in flight pays up to {}:{}; {}:{} is not faster. {}.", found->model, found->pays_up_to,
                     found->model, found->most, law);
}

std::string say_doubt(const comparison& of) {
  std::vector<const comparison_row*> rows;
  for (const auto& row : of.rows)
    if (row.ok()) rows.push_back(&row);
  std::ranges::sort(rows, {}, [](const comparison_row* row) { return row->cost.wall; });
  std::vector<std::string> seen;
  seen.reserve(rows.size());
  for (const comparison_row* row : rows)
    seen.push_back(fmt::format("{} {:.3f} s", to_string(row->shape), seconds(row->cost.wall)));
  return fmt::format(
      "Cannot tell which shape is best: {}. Seen in this run: {}. Not seen: their order without the disturbance. Close "
      "other programs, or compare more or longer tasks, and run the same command again.",
      of.doubt, fmt::join(seen, ", "));
}

}  // namespace

std::optional<in_flight_finding> find_in_flight(const comparison& of) {
  if (of.kind != work_kind::io_bound || !of.bound) return std::nullopt;
  for (const model each : {model::async, model::hybrid, model::threads}) {
    std::vector<const comparison_row*> rows;
    for (const auto& row : of.rows)
      if (row.ok() && row.shape.model == each) rows.push_back(&row);
    std::ranges::sort(rows, {}, [](const comparison_row* row) { return row->shape.tasks; });
    if (rows.size() < 2 || rows.front()->shape.tasks == rows.back()->shape.tasks) continue;
    const comparison_row& quickest =
        **std::ranges::min_element(rows, {}, [](const comparison_row* row) { return row->cost.wall; });
    const auto pays = std::ranges::find_if(rows, [&](const comparison_row* row) {
      return row == &quickest || order_of(of, quickest, *row) == order::tie;
    });
    // One at a time is a count, too.
    const auto one = std::ranges::find_if(
        of.rows, [](const comparison_row& row) { return row.ok() && row.shape.model == model::sync; });
    const bool one_pays =
        one != of.rows.end() && (one->cost.wall <= quickest.cost.wall || order_of(of, quickest, *one) == order::tie);
    const std::string name = to_string(rows.back()->shape);
    const auto tasks = static_cast<double>(of.tasks);
    return in_flight_finding{name.substr(0, name.find(':')), one_pays ? 1 : (*pays)->shape.tasks,
                             rows.back()->shape.tasks, tasks / seconds((one_pays ? *one : **pays).cost.wall),
                             seconds(of.bound->in_turn) / tasks};
  }
  return std::nullopt;
}

std::string say_verdict(const comparison& of, std::string_view figure) {
  std::string said;
  if (of.kind) said = fmt::format("{}: {} ", to_string(*of.kind), figure);
  if (of.bound) said += say_bound(*of.bound, of.tasks) + ' ';
  if (!of.best) return said + say_doubt(of) + say_served(of) + say_async(of);
  const comparison_row& best = of.rows[*of.best];
  said += say_best(of, best) + say_excess(of, best) + say_ties(of, best) + say_gain(of, best) + say_in_flight(of);
  said += say_served(of) + say_async(of);
  if (of.kind) said += say_lesson(of);
  return said;
}

std::string say_failure(const comparison& of) {
  std::string said = fmt::format("No shape can be recommended: all failed. {}: {}", to_string(of.rows.front().shape),
                                 printable(of.rows.front().failure));
  if (!said.ends_with('.')) said += '.';
  return said;
}

}  // namespace fanout::detail
