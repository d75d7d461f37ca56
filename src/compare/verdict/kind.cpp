#include "compare/verdict/kind.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace fanout::detail {
namespace {

constexpr double mostly = 0.75;
constexpr double hardly = 0.25;
constexpr double overlapped_share = 0.5;  ///< of the time that a row could have saved, at least this much is saved
constexpr double much_more = 1.2;         ///< times the CPU time

double usable_lanes(const work_evidence& of, const lane_evidence& row) {
  return static_cast<double>(std::min<std::uint64_t>(row.lanes, of.tasks));
}

/// What other programs left: the cores given before the measurement, or during a row.
double cores_of(const work_evidence& of) {
  const auto all = static_cast<double>(of.cores);
  if (of.given_cores <= 0) return all;
  double given = of.given_cores;
  for (const auto& row : of.rows)
    if (row.wall > 0) given = std::max(given, row.cpu / row.wall);
  return std::min(given, all);
}

/// No row with that many lanes can be faster.
double ideal(const work_evidence& of, const lane_evidence& row) {
  return std::max({of.task, of.cpu_one_by_one / cores_of(of), of.wall_one_by_one / usable_lanes(of, row)});
}

/// Of the time that overlapping could have saved, how much a run of `wall` seconds did: 0 to 1.
double saved(const work_evidence& of, const lane_evidence& row, double wall) {
  const double most = of.wall_one_by_one - ideal(of, row);
  return most > 0 ? (of.wall_one_by_one - wall) / most : 1;
}

/// Whether cores were free while the row had tasks to run.
bool left_cores_free(const work_evidence& of, const lane_evidence& row) {
  const double most = std::min(usable_lanes(of, row), cores_of(of));
  return row.wall > 0 && row.cpu / row.wall < mostly * most;
}

std::optional<kind_finding> find_lock(const work_evidence& of) {
  if (of.cores < 2) return std::nullopt;
  const lane_evidence* held_up = nullptr;
  const lane_evidence* apart = nullptr;
  for (const auto& row : of.rows) {
    if (usable_lanes(of, row) < 2) continue;
    if (row.workers) {
      if (!apart || row.wall < apart->wall) apart = &row;
    } else if (!held_up || row.wall < held_up->wall) {
      held_up = &row;
    }
  }
  // A busy or noisy machine slows runs down: what no run could do, the lock forbids.
  if (!held_up || saved(of, *held_up, held_up->quickest) >= overlapped_share || !left_cores_free(of, *held_up))
    return std::nullopt;
  // Without worker processes to compare with, waiting tasks may as well be held up by whoever they wait for.
  if (!apart && of.cpu_share < mostly) return std::nullopt;
  if (apart && saved(of, *apart, apart->wall) < overlapped_share) return std::nullopt;
  std::string figure = fmt::format(
      "{} took {:.2f} times as long as one task after another and kept {:.2f} of {} cores busy. Its tasks wait for a "
      "lock that one thread can hold at a time.",
      held_up->name, held_up->wall / of.wall_one_by_one, held_up->cpu / held_up->wall, of.cores);
  if (apart)
    figure += fmt::format(" {} has a lock in each process and took {:.2f} times as long.", apart->name,
                          apart->wall / of.wall_one_by_one);
  return kind_finding{work_kind::lock_bound, figure};
}

/// The row whose tasks computed at the same time and needed least for it; rows in worker processes have the cost of
/// starting them on their account, and count only where there is no other.
const lane_evidence* cheapest_parallel(const work_evidence& of) {
  const lane_evidence* cheapest = nullptr;
  for (const auto& row : of.rows) {
    const bool parallel = usable_lanes(of, row) >= 2 && row.wall > 0 && row.cpu / row.wall > 1.3;
    if (!parallel) continue;
    if (!cheapest || std::pair(row.workers, row.cpu) < std::pair(cheapest->workers, cheapest->cpu)) cheapest = &row;
  }
  return cheapest;
}

/// What tasks that run beside others need, over what they need alone.
struct parallel_price {
  const lane_evidence* row;
  double price;
};

std::optional<parallel_price> price_of_company(const work_evidence& of) {
  const lane_evidence* const row = cheapest_parallel(of);
  if (!row || of.cpu_share < mostly || of.cpu_one_by_one <= 0) return std::nullopt;
  return parallel_price{row, row->cpu / of.cpu_one_by_one};
}

std::optional<kind_finding> find_memory(const work_evidence& of) {
  const auto beside = price_of_company(of);
  if (!beside || beside->price < much_more * of.full_cores + of.noise) return std::nullopt;
  return kind_finding{
      work_kind::memory_bound,
      fmt::format("tasks that ran at the same time needed {:.2f} times the CPU time of tasks that ran alone ({}). "
                  "Computation within a core's own cache needs {:.2f} times as much on this machine; the rest is time "
                  "spent on memory.",
                  beside->price, beside->row->name, of.full_cores)};
}

std::string say_company(const work_evidence& of) {
  const auto beside = price_of_company(of);
  if (!beside) return "";
  return fmt::format(
      " Tasks that ran at the same time needed {:.2f} times the CPU time of tasks that ran alone ({}); above {:.2f}, "
      "memory would be the limit.",
      beside->price, beside->row->name, much_more * of.full_cores + of.noise);
}

}  // namespace

kind_finding find_kind(const work_evidence& of) {
  if (!of.disturbed) {
    if (auto lock = find_lock(of)) return *std::move(lock);
    if (auto memory = find_memory(of)) return *std::move(memory);
  }
  const auto kind = of.cpu_share <= hardly   ? work_kind::io_bound
                    : of.cpu_share >= mostly ? work_kind::cpu_bound
                                             : work_kind::mixed;
  if (kind == work_kind::cpu_bound)
    return {kind, fmt::format("alone, a task computes for {:.1f} % of its time.{}", of.cpu_share * 100,
                              of.disturbed ? "" : say_company(of))};
  return {kind,
          fmt::format("alone, a task computes for {:.1f} % of its time and waits for the rest.", of.cpu_share * 100)};
}

}  // namespace fanout::detail
