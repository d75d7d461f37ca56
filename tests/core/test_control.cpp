#include <fanout/core/detail/control.hpp>

#include "support/readable.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <stop_token>

namespace fanout::detail {
namespace {

using test::readable;

outcome_facts facts(std::uint64_t index) {
  outcome_facts of;
  of.index = index;
  of.started = of.finished = outcome_facts::clock::now();
  return of;
}

TEST(control, that_is_exhausted_or_drained_pulls_no_more_and_leaves_tasks_alone) {
  const options how = sync();
  run_control exhausted(how);
  EXPECT_TRUE(exhausted.pulling());
  EXPECT_FALSE(readable(exhausted.wake_handle()));
  exhausted.exhaust();
  EXPECT_FALSE(exhausted.pulling());
  EXPECT_FALSE(exhausted.aborted());
  EXPECT_TRUE(readable(exhausted.wake_handle()));
  EXPECT_FALSE(exhausted.finish(how.shape).stopped);

  run_control drained(how);
  drained.drain();
  EXPECT_FALSE(drained.pulling());
  EXPECT_FALSE(drained.stop_token().stop_requested());
  EXPECT_TRUE(drained.finish(how.shape).stopped);
}

TEST(control, that_is_aborted_tells_tasks) {
  const options how = sync();
  run_control aborted(how);
  aborted.abort();
  EXPECT_TRUE(aborted.aborted());
  EXPECT_TRUE(aborted.stop_token().stop_requested());
}

TEST(control, follows_the_tokens_of_its_options_even_if_they_were_requested_before) {
  std::stop_source stop;
  std::stop_source drain;
  options how = sync();
  how.stop = stop.get_token();
  how.drain = drain.get_token();
  run_control live(how);
  drain.request_stop();
  EXPECT_FALSE(live.pulling());
  EXPECT_FALSE(live.aborted());
  stop.request_stop();
  EXPECT_TRUE(live.aborted());
  run_control late(how);
  EXPECT_TRUE(late.aborted());
}

TEST(control, ends_at_the_first_failure_unless_all_are_collected) {
  const options how = sync();
  run_control fast(how);
  fast.count(facts(0), true);
  EXPECT_TRUE(fast.pulling());
  fast.count(facts(1), false);
  EXPECT_TRUE(fast.aborted());

  options collecting = sync();
  collecting.on_error = on_error::collect;
  run_control all(collecting);
  all.count(facts(0), false);
  EXPECT_TRUE(all.pulling());
  const report cost = all.finish(how.shape);
  EXPECT_EQ(cost.tasks, 1U);
  EXPECT_EQ(cost.failures, 1U);
}

TEST(control, keeps_the_first_exception_of_source_or_sink) {
  const options how = sync();
  run_control control(how);
  EXPECT_NO_THROW(control.rethrow_broken());
  control.break_off(std::make_exception_ptr(std::domain_error("first")));
  control.break_off(std::make_exception_ptr(std::out_of_range("second")));
  EXPECT_TRUE(control.broken());
  EXPECT_TRUE(control.aborted());
  EXPECT_THROW(control.rethrow_broken(), std::domain_error);
}

TEST(control, tells_observers_of_each_change_while_they_are_there) {
  const options how = sync();
  run_control control(how);
  int heard = 0;
  {
    const run_control::observer watch(control, [&] { ++heard; });
    control.begin_wait();
    control.wake_waiting();
    EXPECT_EQ(heard, 1);
    control.wake_waiting();  // one is on its way
    EXPECT_EQ(heard, 1);
    control.end_wait();
    control.drain();
    EXPECT_EQ(heard, 2);
  }
  control.abort();
  EXPECT_EQ(heard, 2);
}

}  // namespace
}  // namespace fanout::detail
