#include "core/probe_rules.hpp"

#include <algorithm>

namespace fanout::detail {
namespace {

constexpr double nearly = 0.7;
/// Share of the CPU below which loops that are held wait for each other. Of two, one at a time computes for half of the
/// time, and loops that only compute do for all of it; where others have the cores, both seem to come closer.
constexpr double one_of_two = 0.65;
constexpr double too_near = 0.1;    ///< as near below that, it is looked at for longer
constexpr double about_one = 0.6;   ///< of a core
constexpr double clear_view = 0.9;  ///< share of the time that loops have a core for, or no need of one

double of(std::chrono::nanoseconds part, std::chrono::nanoseconds whole) {
  return static_cast<double>(part.count()) / static_cast<double>(std::max<std::int64_t>(whole.count(), 1));
}

}  // namespace

bool nearly_always(double share) {
  return share > nearly;
}

loops_seen loops_seen::since(const loops_seen& earlier) const {
  return {.loops = loops,
          .tasks = tasks - earlier.tasks,
          .wall = wall - earlier.wall,
          .had = had - earlier.had,
          .computed = computed - earlier.computed,
          .held = held - earlier.held};
}

double loops_seen::computing() const {
  return std::min(of(computed, had), 1.0);
}

double loops_seen::holding() const {
  return std::min(of(held, wall * loops), 1.0);
}

// What is not clear by now, or is not so, may become so: until the longest is over. A wait for a core counts as one
// only when it is over, so where others have the cores even that is not the end. And who is woken because a lock is
// free, has no core, and finds the lock taken when it gets one, waits for a core as a loop does that only computes:
// beside a program that takes one of two cores, loops that take turns can look like that for a second.
loops_judged judge(const loops_seen& loops) {
  const bool may_change = loops.wall < longest_probe;
  if (loops.tasks < 2ULL * loops.loops && may_change) return loops_judged::unclear;
  if (loops.had < probe_period * loops.loops * 3 / 4) return loops_judged::unclear;
  const bool by_turns = nearly_always(loops.holding()) && loops.computing() <= one_of_two;
  if (may_change && (!by_turns || loops.computing() > one_of_two - too_near)) return loops_judged::unclear;
  if (by_turns) return loops_judged::by_turns;
  const bool computing = nearly_always(loops.holding());
  return computing && of(loops.had, loops.wall * loops.loops) < clear_view ? loops_judged::clouded
                                                                           : loops_judged::apart;
}

threads_judged judge(const threads_seen& threads) {
  if (nearly_always(threads.computing)) return threads_judged::compute;
  // Or would have computed: another program may have had the core of the thread that the others wait for.
  const double cores = std::max(threads.computing * threads.lanes, threads.wanted_cores);
  return threads.lanes >= 2 && cores > about_one ? threads_judged::perhaps_by_turns : threads_judged::wait;
}

bool worth_serializing(std::chrono::nanoseconds encoding, std::chrono::nanoseconds task) {
  return encoding * 2 <= task / 2;
}

}  // namespace fanout::detail
