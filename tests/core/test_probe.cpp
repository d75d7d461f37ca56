// What `automatic` does with what it sees, on a loop and on threads. (test_probe_rules.cpp has the rules alone.)

#include <fanout/core/detail/control.hpp>
#include <fanout/core/options.hpp>

#include "core/probe.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fanout::detail {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// Lanes that do what the probe asks for by writing it down.
class noted_lanes final : public probed_lanes, public lane_work {
 public:
  run_control& control() noexcept override { return control_; }
  lane_work& work() noexcept override { return *this; }
  void grow(const shape& target) override { grown.push_back(target); }
  void leave(const shape& next) override { left.push_back(next); }
  void shrink_first(std::uint32_t slots, std::function<void()> done) override {
    shrunk.push_back(slots);
    done();
  }
  pull_status run_one(std::uint32_t, cpu_stopwatch&) override { return pull_status::end; }
  int source_handle() override { return -1; }
  serialization_cost cost_of_serialization() override { return cost; }

  std::vector<shape> grown;
  std::vector<shape> left;
  std::vector<std::uint32_t> shrunk;
  serialization_cost cost;

 private:
  options how_;
  run_control control_{how_};
};

shape asked_for(std::uint32_t tasks) {
  shape asked = automatic();
  asked.tasks = tasks;
  return asked;
}

/// Computes for longer than the probe looks.
void compute_for_a_period() {
  const auto until = std::chrono::steady_clock::now() + probe_period + 20ms;
  while (std::chrono::steady_clock::now() < until) continue;
}

/// Waits on a loop for longer than the probe looks.
void wait_for_a_period(asio::io_context& loop) {
  asio::steady_timer rest(loop, probe_period + 20ms);
  bool over = false;
  rest.async_wait([&](auto) { over = true; });
  while (!over) loop.run_one();
}

TEST(probe, starts_with_one_loop_or_one_thread_a_core) {
  noted_lanes lanes;
  EXPECT_EQ(probe(lanes, asked_for(0), true).first_shape(), async(64));
  EXPECT_EQ(probe(lanes, asked_for(7), true).first_shape(), async(7));
  EXPECT_EQ(probe(lanes, asked_for(0), false).first_shape(), threads(available_cores()));
  EXPECT_EQ(probe(lanes, asked_for(1), false).first_shape(), threads(1));
  EXPECT_THAT(probe(lanes, asked_for(0), true).choice(), HasSubstr("ended before"));
}

TEST(probe, a_loop_that_waits_is_enough_after_the_second_look) {
  noted_lanes lanes;
  asio::io_context loop;
  probe looks(lanes, asked_for(0), true);
  looks.watch(loop);
  wait_for_a_period(loop);
  EXPECT_THAT(looks.choice(), HasSubstr("in its first 200 ms"));
  wait_for_a_period(loop);
  EXPECT_THAT(looks.choice(), HasSubstr("in its second 200 ms"));
  EXPECT_THAT(looks.choice(), HasSubstr("one loop is enough"));
  EXPECT_TRUE(lanes.grown.empty());
  looks.unwatch();
}

TEST(probe, a_loop_that_computes_gets_company_on_every_core) {
  if (available_cores() < 2) GTEST_SKIP() << "there is one core for one loop";
  noted_lanes lanes;
  asio::io_context loop;
  probe looks(lanes, asked_for(8), true);
  looks.watch(loop);
  compute_for_a_period();
  looks.ended_one(std::chrono::steady_clock::now());  // who ends a task looks: the loop's timer may not come to it
  EXPECT_THAT(looks.choice(), HasSubstr("one loop is the bottleneck"));
  ASSERT_EQ(lanes.grown.size(), 1U);
  EXPECT_EQ(lanes.grown[0], hybrid(8));
  EXPECT_EQ(lanes.shrunk, std::vector{hybrid(8).slots(0)});
  EXPECT_FALSE(looks.measuring()) << "its tasks cannot travel, so nothing is left to find out";
  looks.ended_one(std::chrono::steady_clock::now());
  EXPECT_EQ(lanes.grown.size(), 1U) << "once";
  looks.unwatch();
}

TEST(probe, loops_that_are_held_without_computing_leave_for_processes) {
  if (available_cores() < 2) GTEST_SKIP() << "there is one core for one loop";
  noted_lanes lanes;
  lanes.cost = {.possible = true, .each = 1us, .bytes = 100};
  asio::io_context loop;
  probe looks(lanes, asked_for(8), true);
  looks.watch(loop);
  compute_for_a_period();
  looks.ended_one(std::chrono::steady_clock::now());
  ASSERT_TRUE(looks.measuring());
  for (std::uint32_t lane = 0; lane < lanes.grown.at(0).threads; ++lane) {
    for (int i = 0; i < 10; ++i) looks.saw(lane, 1ms, true);
    looks.marked(lane);  // and is held from here on
  }
  while (looks.measuring()) loop.run_one();
  EXPECT_THAT(looks.choice(), HasSubstr("one worker process a core"));
  ASSERT_EQ(lanes.left.size(), 1U);
  EXPECT_TRUE(lanes.left[0].uses_workers());
  looks.unwatch();
}

TEST(probe, tasks_that_are_dear_to_encode_stay) {
  if (available_cores() < 2) GTEST_SKIP() << "there is one core for one loop";
  noted_lanes lanes;
  lanes.cost = {.possible = true, .each = 1h, .bytes = 100};
  asio::io_context loop;
  probe looks(lanes, asked_for(8), true);
  looks.watch(loop);
  compute_for_a_period();
  looks.ended_one(std::chrono::steady_clock::now());
  for (std::uint32_t lane = 0; lane < lanes.grown.at(0).threads; ++lane) {
    looks.saw(lane, 1ms, true);
    looks.marked(lane);
  }
  while (looks.measuring()) loop.run_one();
  EXPECT_TRUE(lanes.left.empty());
  EXPECT_THAT(looks.choice(), HasSubstr("too long to send them elsewhere"));
  looks.unwatch();
}

TEST(probe, threads_whose_tasks_wait_get_more_of_them) {
  noted_lanes lanes;
  probe looks(lanes, asked_for(0), false);
  looks.look(0);
  EXPECT_TRUE(lanes.grown.empty()) << "it is too early";
  asio::io_context loop;
  wait_for_a_period(loop);
  looks.look(0);
  ASSERT_EQ(lanes.grown.size(), 1U);
  EXPECT_EQ(lanes.grown[0], threads(std::max(32U, available_cores())));
  EXPECT_THAT(looks.choice(), HasSubstr("more threads than cores"));
  looks.look(0);
  EXPECT_EQ(lanes.grown.size(), 1U) << "once";
}

TEST(probe, one_thread_whose_tasks_compute_stays) {
  noted_lanes lanes;
  probe looks(lanes, asked_for(1), false);
  compute_for_a_period();
  looks.look(0);
  EXPECT_TRUE(lanes.grown.empty());
  EXPECT_TRUE(lanes.left.empty());
  EXPECT_THAT(looks.choice(), HasSubstr("compute"));
}

}  // namespace
}  // namespace fanout::detail
