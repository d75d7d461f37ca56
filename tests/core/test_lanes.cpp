// Lanes: starting and ending.

#include <fanout/async/event.hpp>
#include <fanout/core/run.hpp>

#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ranges>
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
    const report cost = run(how, std::views::iota(0), test::echo, [&](const outcome<int>&) {
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
  const report cost = run(how, std::vector{0, 1}, work, [](const outcome<int>& out) { EXPECT_TRUE(out.ok()); });
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
  const report cost = run(how, std::vector{0, 1}, compute_alone, [](const outcome<int>&) {});
  for (const task_span& span : cost.timeline) EXPECT_GT(span.cpu, 0ns);
}

}  // namespace
