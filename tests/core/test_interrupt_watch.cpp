// A run on a loop follows the interrupt of its options.

#include <fanout/core/detail/control.hpp>
#include <fanout/core/detail/interrupt_watch.hpp>
#include <fanout/core/interrupt.hpp>
#include <fanout/core/options.hpp>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace fanout::detail {
namespace {

struct watched_run {
  explicit watched_run(const interrupt* raised) {
    how.interrupt = raised;
    control.emplace(how);
    watch.emplace(loop, *control);
  }
  /// Runs what is ready, and nothing that waits.
  void turn() {
    loop.restart();
    loop.poll();
  }
  options how;
  std::optional<run_control> control;
  asio::io_context loop;
  std::optional<interrupt_watch> watch;
};

TEST(interrupt_watch, drains_at_the_first_stage_and_aborts_at_the_second) {
  interrupt raised;
  watched_run run(&raised);
  run.watch->start();
  run.turn();
  EXPECT_TRUE(run.control->pulling());
  raised.raise();
  run.turn();
  EXPECT_FALSE(run.control->pulling());
  EXPECT_FALSE(run.control->aborted());
  raised.raise();
  run.turn();
  EXPECT_TRUE(run.control->aborted());
  run.loop.restart();
  run.loop.run();  // returns: after the last stage it keeps the loop no longer
}

TEST(interrupt_watch, sees_what_was_raised_before_it_started) {
  interrupt raised;
  raised.raise();
  raised.raise();
  watched_run run(&raised);
  run.watch->start();
  run.loop.run();
  EXPECT_TRUE(run.control->aborted());
}

TEST(interrupt_watch, drains_at_a_first_stage_from_before_it_started) {
  interrupt raised;
  raised.raise();
  watched_run run(&raised);
  run.watch->start();
  run.turn();
  EXPECT_FALSE(run.control->pulling());
  EXPECT_FALSE(run.control->aborted());
  raised.raise();
  run.turn();
  EXPECT_TRUE(run.control->aborted());
}

TEST(interrupt_watch, keeps_the_loop_until_it_is_stopped) {
  interrupt raised;
  watched_run run(&raised);
  run.watch->start();
  run.turn();
  EXPECT_FALSE(run.loop.stopped());
  run.watch->stop();
  run.loop.restart();
  run.loop.run();
  raised.raise();
  run.turn();
  EXPECT_TRUE(run.control->pulling()) << "nobody looks any more";
}

TEST(interrupt_watch, without_an_interrupt_does_nothing) {
  watched_run run(nullptr);
  run.watch->start();
  EXPECT_EQ(run.loop.run(), 0U);
}

}  // namespace
}  // namespace fanout::detail
