#include "compare/workloads/alone.hpp"

#include <algorithm>
#include <fstream>

namespace fanout::detail {
namespace {

constexpr int most_runs = 5;
constexpr std::chrono::milliseconds enough{500};

}  // namespace

// The second number of schedstat (proc(5)).
std::chrono::nanoseconds time_without_core() {
  std::ifstream file("/proc/thread-self/schedstat");
  std::int64_t running = 0;
  std::int64_t ready = 0;
  file >> running >> ready;
  return std::chrono::nanoseconds(file ? ready : 0);
}

// Somebody else's load makes a task wait for a core, which says nothing about the task.
double cpu_share_of(const report& cost, std::chrono::nanoseconds without_core) {
  const auto busy = std::max(cost.wall - without_core, cost.cpu());
  if (busy.count() == 0) return 0;
  return std::clamp(static_cast<double>(cost.cpu().count()) / static_cast<double>(busy.count()), 0.0, 1.0);
}

void throw_if_stopped(const report& cost) {
  if (cost.stopped) throw error(failure_kind::cancelled, "the comparison was stopped before its end");
}

std::optional<task_alone> run_alone(const workload& work, const options& how) {
  std::optional<task_alone> quickest;
  std::chrono::nanoseconds spent{0};
  for (int turn = 0; turn < most_runs && spent < enough; ++turn) {
    const auto before = time_without_core();
    const workload_run one = work.run(how, 1);
    throw_if_stopped(one.cost);
    const auto without_core = time_without_core() - before + one.without_core;
    spent += one.cost.wall;
    if (one.cost.failures > 0 || one.cost.tasks == 0 || (quickest && quickest->wall <= one.quickest)) continue;
    quickest = task_alone{one.quickest, one.cost.cpu(), cpu_share_of(one.cost, without_core)};
  }
  return quickest;
}

}  // namespace fanout::detail
