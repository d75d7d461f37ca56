#include "compare/alone.hpp"

#include <algorithm>
#include <fstream>

namespace fanout::detail {
namespace {

constexpr int most_runs = 5;
constexpr std::chrono::milliseconds enough{500};

/// How long this thread was ready to run and had no core (the second number of its schedstat; 0 where there is none).
std::chrono::nanoseconds time_without_core() {
  std::ifstream file("/proc/thread-self/schedstat");
  std::int64_t running = 0;
  std::int64_t ready = 0;
  file >> running >> ready;
  return std::chrono::nanoseconds(file ? ready : 0);
}

}  // namespace

void throw_if_stopped(const report& cost) {
  if (cost.stopped) throw error(failure_kind::cancelled, "the comparison was stopped before its end");
}

// Somebody else's load makes a task wait for a core, which says nothing about the task; that time is left out of its
// share.
std::optional<task_alone> run_alone(const workload& work, const options& how) {
  std::optional<task_alone> quickest;
  std::chrono::nanoseconds spent{0};
  for (int turn = 0; turn < most_runs && spent < enough; ++turn) {
    const auto before = time_without_core();
    const workload_run one = work.run(how, 1);
    throw_if_stopped(one.cost);
    const auto without_core = time_without_core() - before;
    spent += one.cost.wall;
    if (one.cost.failures > 0 || one.cost.tasks == 0 || (quickest && quickest->wall <= one.quickest)) continue;
    const auto busy = std::max(one.cost.wall - without_core, one.cost.cpu());
    const double share =
        busy.count() > 0 ? static_cast<double>(one.cost.cpu().count()) / static_cast<double>(busy.count()) : 0;
    quickest = task_alone{one.quickest, one.cost.cpu(), std::clamp(share, 0.0, 1.0)};
  }
  return quickest;
}

}  // namespace fanout::detail
