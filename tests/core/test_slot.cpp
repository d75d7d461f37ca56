// A place for coroutine tasks on a lane: limits, cancellation, and who has had the loop for long.

#include <fanout/base/task.hpp>
#include <fanout/core/detail/control.hpp>
#include <fanout/core/detail/lanes.hpp>
#include <fanout/core/detail/slot.hpp>
#include <fanout/core/options.hpp>

#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace fanout::detail {
namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

class slots : public test::leak_checked {};

/// The work of a run whose slots do what the test says.
class slot_work final : public lane_work {
 public:
  using body = std::function<task<void>(slot&, run_control&)>;
  slot_work(run_control& control, body run) : control_(control), run_(std::move(run)) {}
  pull_status run_one(std::uint32_t, cpu_stopwatch&) override { return pull_status::end; }
  task<void> run_slot(slot& place) override { return run_(place, control_); }
  int source_handle() override { return -1; }

 private:
  run_control& control_;
  body run_;
};

void run_slots(const fanout::shape& asked, slot_work::body body) {
  options how(asked);
  run_control control(how);
  slot_work work(control, std::move(body));
  std::string choice;
  run_lanes(control, work, asked, true, choice);
  control.rethrow_broken();
}

/// Sleeps within a task of that slot; whether it was cancelled.
task<bool> sleep_in_task(slot& place, std::chrono::nanoseconds limit, std::chrono::milliseconds time) {
  place.begin_task(clock_type::now(), limit);
  bool cancelled = false;
  try {
    task<void> rest = test::pause(time);
    co_await std::move(rest);
  } catch (const boost::system::system_error&) {
    cancelled = true;
  }
  place.end_task(clock_type::now());
  co_return cancelled;
}

task<void> late_then_in_time(slot& place, run_control&, std::vector<std::string>& seen) {
  task<bool> late = sleep_in_task(place, 2ms, std::chrono::hours(1));
  const bool was_late = co_await std::move(late);
  seen.push_back(was_late && place.timed_out() && place.cancelled() ? "late" : "?");
  co_await asio::this_coro::reset_cancellation_state();
  place.forget_cancellation();
  task<bool> in_time = sleep_in_task(place, 1h, 1ms);
  const bool was_cancelled = co_await std::move(in_time);
  seen.push_back(!was_cancelled && !place.timed_out() && !place.cancelled() ? "in time" : "?");
  task<bool> unlimited = sleep_in_task(place, 0ns, 1ms);
  const bool limited = co_await std::move(unlimited);
  seen.push_back(limited ? "?" : "unlimited");
}

TEST_F(slots, a_task_over_its_limit_is_cancelled_and_the_next_one_is_not) {
  std::vector<std::string> seen;
  run_slots(async(1), [&](slot& place, run_control& control) { return late_then_in_time(place, control, seen); });
  EXPECT_EQ(seen, (std::vector<std::string>{"late", "in time", "unlimited"}));
}

task<void> abort_itself(slot& place, run_control& control, std::string& seen) {
  control.abort();
  task<bool> rest = sleep_in_task(place, 0ns, std::chrono::hours(1));
  const bool was_cancelled = co_await std::move(rest);
  if (was_cancelled && place.cancelled() && !place.timed_out()) seen = "cancelled";
  if (place.is_surplus()) seen += ", surplus";
}

TEST_F(slots, an_abort_cancels_the_task_under_way_and_that_is_no_timeout) {
  std::string seen;
  run_slots(async(1), [&](slot& place, run_control& control) { return abort_itself(place, control, seen); });
  EXPECT_EQ(seen, "cancelled");
}

task<void> take_one(slot& place, run_control& control, int& opened, int items) {
  ++opened;
  if (opened > items) {
    control.exhaust();
    co_return;
  }
  place.took_item();
  task<void> turn = test::yield();
  co_await std::move(turn);
}

TEST_F(slots, open_one_after_the_other_as_inputs_are_taken) {
  int opened = 0;
  run_slots(async(100), [&](slot& place, run_control& control) { return take_one(place, control, opened, 3); });
  EXPECT_EQ(opened, 4) << "the fourth found nothing, so no fifth was opened";
}

task<void> measure_cpu(slot& place, run_control& control, std::vector<std::chrono::nanoseconds>& cpu) {
  place.begin_task(clock_type::now(), 0ns);
  const auto until = thread_cpu() + 2ms;
  while (thread_cpu() < until) continue;
  cpu.push_back(place.end_task(clock_type::now()));
  control.exhaust();
  co_return;
}

TEST_F(slots, cpu_time_is_known_where_a_slot_has_its_lane_to_itself) {
  std::vector<std::chrono::nanoseconds> cpu;
  const auto body = [&](slot& place, run_control& control) { return measure_cpu(place, control, cpu); };
  run_slots(async(1), body);
  run_slots(async(2), body);
  ASSERT_EQ(cpu.size(), 2U);
  EXPECT_GE(cpu[0], 2ms);
  EXPECT_LT(cpu[1], 0ns) << "it cannot be told apart";
}

task<void> one_by_one(slot& place, run_control& control, std::string& order) {
  const char name = order.empty() ? 'a' : 'b';
  order += name;
  if (name == 'a') {
    place.took_item();
    task<void> turn = place.give_way();
    co_await std::move(turn);
    order += 'A';
    co_return;
  }
  control.exhaust();
}

TEST_F(slots, giving_way_lets_others_run_first) {
  std::string order;
  run_slots(async(2), [&](slot& place, run_control& control) { return one_by_one(place, control, order); });
  EXPECT_EQ(order, "abA");
}

}  // namespace
}  // namespace fanout::detail
