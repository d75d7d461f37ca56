#include <fanout/compare/compare.hpp>

#include "compare/made_comparison.hpp"
#include "compare/verdict/verdict.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fanout {
namespace {

using test::failed_row;
using test::made_of;
using test::row;
using namespace std::chrono_literals;

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
