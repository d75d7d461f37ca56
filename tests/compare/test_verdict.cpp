#include "compare/made_comparison.hpp"
#include "compare/verdict/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace fanout {
namespace {

using test::failed_row;
using test::made_of;
using test::row;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

std::string best_of(std::vector<comparison_row> rows) {
  comparison all = made_of(std::move(rows));
  detail::judge(all);
  return all.best ? to_string(all.rows[*all.best].shape) : "none";
}

TEST(verdict, the_quickest_row_is_best) {
  EXPECT_EQ(best_of({row(sync(), 1000ms, 1), row(threads(5), 800ms, 5), row(async(5), 900ms, 1)}), "threads:5");
}

TEST(verdict, of_equally_quick_rows_the_one_that_needs_least) {
  EXPECT_EQ(best_of({row(threads(5), 400ms, 5), row(async(5), 405ms, 1), row(hybrid(5), 401ms, 2)}), "async:5");
  EXPECT_EQ(best_of({row(processes(1), 400ms, 1, 1), row(threads(5), 402ms, 5)}), "threads:5");
  EXPECT_EQ(best_of({row(threads(5), 400ms, 5), row(async(5), 410ms, 1)}), "threads:5");  // not equally quick
  comparison_row in_turn = row(sync(), 401ms, 1);
  in_turn.cost.peak_rss_bytes += 4096;  // as may happen
  EXPECT_EQ(best_of({row(async(5), 400ms, 1), in_turn}), "sync");
  EXPECT_EQ(best_of({row(async(64), 400ms, 1), row(async(5), 401ms, 1)}), "async:5");
}

TEST(verdict, of_those_that_are_as_fast_none_is_said_to_need_more_than_it_does) {
  comparison all = made_of({row(threads(2), 400ms, 2), row(automatic(), 402ms, 2), row(threads(5), 401ms, 5)});
  all.rows[1].cost.shape = threads(2);
  detail::judge(all);
  EXPECT_EQ(all.best, 0U);
  EXPECT_THAT(all.why,
              AllOf(HasSubstr(" threads:5 is as fast within the measurement noise (2 %) and needs more processes"),
                    HasSubstr(" auto is as fast within the measurement noise (2 %) and needs the same number")));
}

TEST(verdict, says_once_how_much_faster_than_the_loop_and_what_is_not_needed) {
  comparison all = made_of({row(sync(), 2s, 1), row(async(5), 400ms, 1)});
  detail::judge(all);
  EXPECT_THAT(all.why, AllOf(HasSubstr("Choose async:5: 0.400 s on 1 thread. It is 5.00 times as fast as the next "
                                       "best, sync, at no extra cost."),
                             Not(HasSubstr("as fast as sync"))));
  all = made_of({row(processes(4), 2s, 4, 4), row(async(5), 400ms, 1)});
  detail::judge(all);
  EXPECT_THAT(all.why, HasSubstr("with no worker processes instead of 4 and 1 thread instead of 4"));
}

TEST(verdict, tasks_that_compute_and_hardly_get_a_core_show_no_order) {
  // Other programs have both cores: two processes have twice the share of one, of which they use little.
  std::vector<comparison_row> rows{test::row(sync(), 2288ms, 1), test::row(processes(2), 1442ms, 2, 2)};
  for (auto& each : rows) each.cost.cpu_user = 340ms;
  comparison all = test::made_of(std::move(rows), work_kind::cpu_bound);
  all.load.others = 2;
  detail::judge(all);
  EXPECT_FALSE(all.best);
  EXPECT_THAT(all.doubt, HasSubstr("other programs used 2.00 of the 2 cores"));
  EXPECT_THAT(detail::rows_to_run_again(all), Each(false));
}

/// Ten tasks wait for 200 ms and compute for 10 ms under a lock, and got a core each second or third time: five threads
/// ask for one more often than a loop and were quicker. With a core it is the other way round, 0.5 s and 0.3 s.
comparison starved_after_waits(double others) {
  std::vector<comparison_row> rows{row(threads(5), 520ms, 5), row(async(10), 590ms, 1)};
  for (auto& each : rows) each.cost.cpu_user = 100ms;
  comparison all = made_of(std::move(rows));
  all.tasks = 10;
  all.load.others = others;
  all.bound->wall = all.bound->task = 210ms;
  all.bound->cpu = 50ms;
  all.bound->task_cpu = 10ms;
  all.bound->in_turn = 2100ms;
  all.bound->in_flight = 210ms;
  all.bound->places = 10;
  return all;
}

TEST(verdict, rows_that_may_be_quickest_run_again_while_the_machine_varies_too_much) {
  const auto seen = [](double noise, work_kind kind, double cores_of_tasks) {
    comparison all = made_of(
        {row(sync(), 2s, 1), row(threads(2), 1000ms, 2), row(processes(2), 1010ms, 1, 2), failed_row(async(5), "no")},
        kind);
    for (auto& each : all.rows) each.cost.cpu_user = std::chrono::milliseconds(std::llround(1000 * cores_of_tasks));
    all.noise = noise;
    detail::judge(all);
    return detail::rows_to_run_again(all);
  };
  EXPECT_THAT(seen(0.21, work_kind::cpu_bound, 1), ElementsAre(false, true, true, false));
  EXPECT_THAT(seen(0.20, work_kind::cpu_bound, 1), Each(false));
  EXPECT_THAT(seen(0.90, work_kind::io_bound, 0.3), ElementsAre(false, true, true, false)) << "waits, and needs a core";
  EXPECT_THAT(seen(0.90, work_kind::io_bound, 0.1), Each(false)) << "waiting does not vary with the cores";
}

TEST(verdict, tasks_that_wait_and_hardly_get_a_core_show_no_order) {
  comparison slow = starved_after_waits(2);  // next to so many programs that they computed for a tenth of the time
  for (auto& each : slow.rows) each.cost.wall *= 2;
  detail::judge(slow);
  EXPECT_FALSE(slow.best) << slow.why;
  for (const double others : {2.0, 1.5}) {  // 1.5 cores leave one half: less than the loop needs, more than it got
    comparison all = starved_after_waits(others);
    detail::judge(all);
    EXPECT_EQ(all.kind, work_kind::io_bound);
    EXPECT_FALSE(all.best) << all.why;
    EXPECT_THAT(all.doubt, HasSubstr("of the 2 cores"));
    EXPECT_THAT(detail::rows_to_run_again(all), Each(false));
    EXPECT_TRUE(detail::is_disturbed(all));
  }
  comparison quiet = starved_after_waits(0.05);
  detail::judge(quiet);
  EXPECT_TRUE(quiet.best) << quiet.why;
}

TEST(verdict, a_lock_is_seen_while_the_machine_varies) {
  comparison all =
      made_of({row(sync(), 423ms, 1), row(threads(2), 419ms, 2), row(processes(2), 279ms, 1, 2)}, work_kind::cpu_bound);
  for (auto& each : all.rows) {
    each.cost.cpu_user = 420ms;
    each.walls = {each.cost.wall, each.cost.wall + 5ms, each.cost.wall - 5ms};
  }
  all.tasks = 40;
  all.bound->task = 11ms;
  all.noise = 0.32;
  detail::judge(all);
  EXPECT_EQ(all.kind, work_kind::lock_bound) << all.why;
  EXPECT_EQ(all.best, 2U) << all.why;
}

/// Pages of a server that computes here, on as many cores as it gets: quicker with two in flight only where it has two.
comparison served_here(double others, double served) {
  comparison all = made_of({row(sync(), 820ms, 1), row(async(2), served > 1.5 ? 410ms : 807ms, 1)});
  for (auto& each : all.rows) each.cost.cpu_user = 3ms;
  all.load.others = others;
  all.load.served = served;
  detail::judge(all);
  return all;
}

TEST(verdict, what_tasks_wait_for_may_need_the_cores_that_others_use) {
  const comparison quiet = served_here(0.05, 1.95);
  EXPECT_EQ(quiet.best, 1U) << quiet.why;
  EXPECT_THAT(quiet.why, HasSubstr("What the tasks wait for runs on this machine and used 1.95 of its 2 cores."));
  const comparison busy = served_here(1.0, 1.0);
  EXPECT_FALSE(busy.best) << busy.why;
  EXPECT_THAT(busy.doubt, HasSubstr("other programs used 1.00 of the 2 cores. What the tasks wait for"));
  EXPECT_THAT(detail::rows_to_run_again(busy), Each(false));
  const comparison elsewhere = served_here(1.0, 0.1);
  EXPECT_TRUE(elsewhere.best) << elsewhere.why;
  EXPECT_THAT(elsewhere.why, Not(HasSubstr("runs on this machine")));
}

TEST(verdict, more_in_flight_does_not_pay_where_one_at_a_time_is_as_fast) {
  comparison all = made_of({row(sync(), 820ms, 1), row(async(2), 807ms, 1), row(async(20), 805ms, 1)});
  detail::judge(all);
  EXPECT_EQ(all.best, 0U);
  EXPECT_THAT(all.why, AllOf(HasSubstr("More in flight does not pay: one at a time is as fast as async:20."),
                             Not(HasSubstr("pays up to"))));
}

TEST(verdict, tasks_that_wait_and_hardly_need_a_core_are_in_order_next_to_others) {
  comparison all = starved_after_waits(2);
  for (auto& each : all.rows) each.cost.cpu_user = 10ms;
  all.bound->task_cpu = 1ms;
  detail::judge(all);
  EXPECT_TRUE(all.best) << all.why;
  // Few in flight leave a core to rest, whatever more of them would need.
  all = starved_after_waits(2);
  for (auto& each : all.rows) {
    each.shape = each.cost.shape = each.shape.model == model::async ? async(2) : threads(2);
    each.cost.wall *= 3;
  }
  all.bound->in_flight = 1050ms;
  all.bound->places = 2;
  detail::judge(all);
  EXPECT_TRUE(all.best) << all.why;
}

TEST(verdict, a_failed_row_is_never_best) {
  EXPECT_EQ(best_of({failed_row(threads(5), "gone"), row(sync(), 2s, 1)}), "sync");
  EXPECT_EQ(best_of({failed_row(threads(5), "gone")}), "none");
}

TEST(verdict, says_what_bounds_the_work_and_what_async_made_of_it) {
  comparison io = made_of({row(async(5), 402ms, 1), row(threads(5), 403ms, 5)});
  io.rows[0].cost.cpu_user = 4020us;
  detail::judge(io);
  EXPECT_THAT(io.why, AllOf(HasSubstr("I/O-bound: alone, a task computes for 1.0 % of its time"),
                            HasSubstr("faster than 0.400 s: the time of a single task"), HasSubstr("Choose async:5"),
                            HasSubstr("threads:5 is as fast"),
                            HasSubstr("async:5 overlapped the tasks: its one thread used 0.01 cores")));
  comparison cpu = made_of({row(async(5), 1500ms, 1), row(threads(5), 750ms, 5)}, work_kind::cpu_bound);
  cpu.bound = lower_bound{.wall = 750ms,
                          .task = 300ms,
                          .cpu = 750ms,
                          .task_cpu = 300ms,
                          .in_turn = 1500ms,
                          .cores = 2,
                          .why = "5 tasks on 2 cores"};
  detail::judge(cpu);
  EXPECT_THAT(cpu.why,
              AllOf(HasSubstr("0.750 s: 5 tasks on 2 cores"),
                    HasSubstr("2.00 times as fast as the next best, async:5, with 5 threads instead of 1"),
                    HasSubstr("Choose threads:5: 0.750 s on 5 threads, with 2.00 cores busy."),
                    HasSubstr("threads:2 (not measured here)"), HasSubstr("because 5 tasks do not divide by 2"),
                    HasSubstr("async:5 did not overlap the tasks: its one thread used 1.00 cores"),
                    Not(HasSubstr("as fast within"))));
}

}  // namespace
}  // namespace fanout
