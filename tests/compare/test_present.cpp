#include <fanout/compare/compare.hpp>
#include <fanout/compare/detail/text.hpp>

#include "compare/verdict/verdict.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace fanout {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

comparison_row row(const shape& of, std::chrono::nanoseconds wall, std::uint32_t threads, std::uint32_t processes = 1) {
  comparison_row made;
  made.shape = made.cost.shape = of;
  made.cost.tasks = 5;
  made.cost.wall = wall;
  made.cost.cpu_user = 1500ms;
  made.cost.threads = threads;
  made.cost.processes = processes;
  made.cost.peak_rss_bytes = 8 << 20;
  return made;
}

comparison_row failed_row(const shape& of, std::string why) {
  comparison_row made;
  made.shape = of;
  made.failure = std::move(why);
  made.cost.failures = 5;
  return made;
}

comparison made_of(std::vector<comparison_row> rows, work_kind kind = work_kind::io_bound) {
  comparison all;
  all.name = "made";
  all.description = "up";
  all.tasks = 5;
  all.cores = 2;
  all.cpu_share = kind == work_kind::cpu_bound ? 0.99 : 0.01;
  all.bound = lower_bound{.wall = 400ms,
                          .task = 400ms,
                          .cpu = 10ms,
                          .task_cpu = 4ms,
                          .in_turn = 2s,
                          .cores = 2,
                          .why = "the time of a single task"};
  all.rows = std::move(rows);
  return all;
}

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

TEST(table, fits_eighty_columns_and_lines_up) {
  comparison all = made_of({row(grid(1, 1, 1), 1234567ms, 1), row(processes(1024), 400ms, 1024, 1024),
                            failed_row(async(5), std::string(200, 'x') + " and " + std::string(100, 'y'))});
  detail::judge(all);
  std::istringstream text(render_table(all));
  std::size_t end_of_numbers = 0;
  for (std::string line; std::getline(text, line);) {
    EXPECT_LE(line.size(), 80U) << line;
    EXPECT_FALSE(line.ends_with(' ')) << line;
    if (line.starts_with("shape")) end_of_numbers = line.size();
    const bool measured = line.starts_with("1x1x1 ") || line.starts_with("processes:1024 ");
    if (measured) {
      EXPECT_EQ(line.size(), end_of_numbers) << line;
    }
  }
  EXPECT_GT(end_of_numbers, 0U);
  EXPECT_THAT(render_table(all), HasSubstr("     -"));  // no speed-up without sync
}

TEST(table, leaves_out_columns_where_a_terminal_is_narrower) {
  comparison all =
      made_of({row(sync(), 2s, 1), row(processes(5), 400ms, 5, 5), failed_row(async(5), std::string(99, 'x'))});
  detail::judge(all);
  for (const std::size_t width : {1U, 40U, 60U, 79U}) {
    const std::string table = render_table(all, width);
    std::istringstream text(table);
    for (std::string line; std::getline(text, line);) EXPECT_LE(line.size(), std::max<std::size_t>(width, 40)) << line;
    EXPECT_THAT(table, HasSubstr("\nprocesses:5    0.400   5.00  100.0")) << width;
  }
  EXPECT_THAT(render_table(all, 60), AllOf(HasSubstr("threads"), Not(HasSubstr("switches"))));
}

TEST(table, what_a_server_said_cannot_control_the_terminal) {
  comparison all = made_of({failed_row(sync(), "status: \x1b[31mred\n")});
  all.description = "\x1b]0;title\x07";
  detail::judge(all);
  const std::string text = render_table(all);
  EXPECT_THAT(text, AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\x07")), HasSubstr("\\x1b[31mred\\x0a")));
}

TEST(table, a_speed_up_of_thousands_keeps_its_column) {
  comparison all = made_of({row(sync(), 1234567ms, 1), row(async(5), 400ms, 1)});
  detail::judge(all);
  EXPECT_THAT(render_table(all), HasSubstr("\nasync:5    0.400   3086  100.0"));
}

TEST(table, wraps_between_words_where_there_are_any) {
  EXPECT_EQ(detail::wrap("one two three", 7, 0), "one two\nthree");
  EXPECT_EQ(detail::wrap("one two three", 8, 2), "  one two\n  three");
  EXPECT_EQ(detail::wrap("abcdefgh", 3, 0), "abc\ndef\ngh");
  EXPECT_EQ(detail::wrap("", 3, 2), "");
}

TEST(json, what_is_not_known_is_null) {
  comparison all = made_of({failed_row(sync(), "status: \xff\"")});
  all.kind.reset();
  all.cpu_share.reset();
  all.bound.reset();
  detail::judge(all);
  const auto whole = boost::json::parse(to_json({all}));
  const auto& found = whole.at("workloads").at(0);
  for (const char* name : {"kind", "cpu_share", "lower_bound_s", "best"}) EXPECT_TRUE(found.at(name).is_null()) << name;
  for (const char* name : {"speedup", "of_bound"}) EXPECT_TRUE(found.at("rows").at(0).at(name).is_null()) << name;
  for (const char* name : {"latency_s", "timeline"}) EXPECT_TRUE(found.at("rows").at(0).at(name).is_null()) << name;
  EXPECT_EQ(found.at("rows").at(0).at("failures").as_int64(), 5);
  EXPECT_EQ(found.at("rows").at(0).at("error").as_string(), "status: \\xff\"");
}

TEST(json, a_timeline_counts_from_the_start_of_its_run) {
  comparison all = made_of({row(threads(2), 1s, 2), row(grid(2, 2, 1), 1s, 4, 2)});
  for (comparison_row& each : all.rows) {
    const auto at = [&](std::chrono::nanoseconds time) { return each.timeline_begun + time; };
    each.timeline_begun += 1h;
    each.timeline = {
        {.index = 0, .lane = 3, .started = at(500ms), .finished = at(1s), .cpu = 250ms, .ok = true, .held = {}},
        {.index = 1, .lane = 0, .started = at(0s), .finished = at(2s), .held = {{at(0s), at(1s)}}}};
  }
  detail::judge(all);
  const auto whole = boost::json::parse(to_json({all}));
  const auto& rows = whole.at("workloads").at(0).at("rows");
  EXPECT_EQ(rows.at(0).at("timeline").at("tasks"),
            boost::json::parse("[[0,3,0.5,1.0,0.25,1,null],[1,0,0.0,2.0,null,0,[[0.0,1.0]]]]"));
  EXPECT_EQ(rows.at(0).at("timeline").at("lanes"),
            boost::json::parse(R"(["thread 1", "thread 2", "thread 3", "thread 4"])"));
  EXPECT_EQ(rows.at(1).at("timeline").at("lanes"),
            boost::json::parse(R"(["process 1, thread 1", "process 1, thread 2", "process 2, thread 1",
                                   "process 2, thread 2"])"));
}

}  // namespace
}  // namespace fanout
