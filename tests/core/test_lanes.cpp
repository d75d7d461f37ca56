// Lanes: starting and ending.

#include <fanout/async/event.hpp>
#include <fanout/core/run.hpp>

#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ranges>
#include <set>
#include <thread>
#include <vector>

namespace {

using namespace fanout;
using namespace std::chrono_literals;

class lanes : public test::leak_checked {};

TEST_F(lanes, start_while_their_run_ends) {
  for (int round = 0; round < 1000; ++round) {
    options how(grid(1, 8, 1));
    std::stop_source stop;
    how.stop = stop.get_token();
    std::uint64_t seen = 0;
    // The first outcome aborts the run; some lanes have not started by then, some are about to.
    const report cost = run(how, test::echo, std::views::iota(0), [&](const outcome<int>&) {
      ++seen;
      stop.request_stop();
    });
    ASSERT_EQ(cost.tasks, seen);
    ASSERT_TRUE(cost.stopped);
  }
}

void compute_for(std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < until) continue;
}

/// Two of these take turns: each computes, lets the other one on, and computes again after that one has.
struct turns {
  event reached;
  event passed;
};
task<int> compute_twice(turns& shared, int which) {
  compute_for(3ms);
  (which == 0 ? shared.reached : shared.passed).set();
  auto other = (which == 0 ? shared.passed : shared.reached).wait();
  co_await std::move(other);
  compute_for(2ms);
  co_return which;
}

TEST_F(lanes, a_timeline_tells_when_each_coroutine_held_its_thread) {
  turns shared;
  options how(async(2));
  how.timeline = true;
  const auto work = [&shared](int which) { return compute_twice(shared, which); };
  const report cost = run(how, work, std::vector{0, 1}, [](const outcome<int>& out) { EXPECT_TRUE(out.ok()); });
  ASSERT_EQ(cost.timeline.size(), 2U);
  std::vector<held_span> all;
  for (const task_span& span : cost.timeline) {
    ASSERT_FALSE(span.held.empty());
    std::chrono::nanoseconds held{0};
    auto last = span.started;
    for (const held_span& each : span.held) {
      EXPECT_LE(last, each.from);
      EXPECT_LE(each.from, each.to);
      last = each.to;
      held += each.to - each.from;
      all.push_back(each);
    }
    EXPECT_LE(last, span.finished);
    EXPECT_GE(held, 5ms);
    EXPECT_LT(span.cpu, 0ns) << "they share a thread";
  }
  EXPECT_EQ(cost.timeline[0].held.size() + cost.timeline[1].held.size(), 3U) << "the second did not have to wait";
  std::ranges::sort(all, {}, &held_span::from);
  for (std::size_t i = 1; i < all.size(); ++i) EXPECT_LE(all[i - 1].to, all[i].from) << "one loop, one at a time";
}

task<int> compute_alone(int x) {
  compute_for(3ms);
  co_return x;
}

TEST_F(lanes, the_cpu_time_of_a_coroutine_that_is_alone_on_its_thread_is_known) {
  options how(threads(2));
  how.timeline = true;
  const report cost = run(how, compute_alone, std::vector{0, 1}, [](const outcome<int>&) {});
  for (const task_span& span : cost.timeline) EXPECT_GT(span.cpu, 0ns);
}

TEST_F(lanes, a_task_limit_beyond_the_end_of_the_clock_never_passes) {
  for (const shape& each : {fanout::sync(), threads(2), async(2), grid(1, 2, 2)}) {
    options how(each);
    const auto expect_all = [&] {
      run(how, test::after_a_while, std::views::iota(0, 8),
          [](const outcome<int>& out) { EXPECT_TRUE(out.ok()) << out.error().message; });
    };
    how.task_timeout = std::chrono::nanoseconds::max();
    expect_all();
    how.task_timeout = std::chrono::hours::max();
    expect_all();
    how.task_timeout = std::chrono::duration<double>(1e300);
    expect_all();
  }
}

// Where the system has no more threads ------------------------------------------------------------------------------

/// This process may start no more than two threads from here on (one of a user who is not root: none). Root is bound by
/// no limit of processes, so it becomes somebody of whom there is nobody else.
void allow_two_threads() {
  constexpr uid_t nobody_else = 54'321;
  const bool root = geteuid() == 0;
  if (root && setresuid(nobody_else, nobody_else, nobody_else) != 0) std::_Exit(10);
  const rlimit most{root ? 3u : 1u, root ? 3u : 1u};
  if (setrlimit(RLIMIT_NPROC, &most) != 0) std::_Exit(11);
}

const std::thread::id first_lane = std::this_thread::get_id();
std::atomic<bool> first_lane_began = false;

/// Other lanes than the first, which begins when all have been started, do not end before.
int blocking(int x) {
  if (std::this_thread::get_id() == first_lane) {
    first_lane_began = true;
    first_lane_began.notify_all();
  }
  first_lane_began.wait(false);
  return x;
}
task<int> blocking_coroutine(int x) {
  co_return blocking(x);
}

/// Runs 100 tasks under that limit; exits with 0 if all had their outcome on the lanes there were.
template <class Task>
[[noreturn]] void run_with_few_threads(shape asked, Task work) {
  allow_two_threads();
  std::set<std::uint32_t> lanes_seen;
  std::uint64_t succeeded = 0;
  try {
    const report cost = run(asked, work, std::views::iota(0, 100), [&](const outcome<int>& out) {
      lanes_seen.insert(out.lane);
      succeeded += out.ok() ? 1 : 0;
    });
    if (succeeded != 100 || cost.tasks != 100) std::_Exit(1);
    if (cost.shape.threads < 1 || cost.shape.threads > 3) std::_Exit(2);
    if (*lanes_seen.rbegin() >= cost.shape.threads) std::_Exit(3);
    if (cost.shape.tasks < cost.shape.threads || cost.shape.tasks >= asked.tasks) std::_Exit(4);
  } catch (...) {
    std::_Exit(5);
  }
  std::_Exit(0);
}

TEST(lanes_DeathTest, that_cannot_be_started_leave_the_work_to_those_that_can) {
  EXPECT_EXIT(run_with_few_threads(threads(16), blocking), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(run_with_few_threads(grid(1, 16, 4), blocking_coroutine), testing::ExitedWithCode(0), "");
}

}  // namespace
