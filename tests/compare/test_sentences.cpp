#include <fanout/compare/detail/text.hpp>

#include "compare/machine_model.hpp"
#include "compare/verdict/sentences.hpp"
#include "compare/verdict/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fanout::detail {
namespace {

using test::doing;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

comparison paper(std::size_t tasks, double waits, double computes, const std::vector<std::string>& names,
                 const test::paper_machine& on = {}) {
  std::vector<shape> shapes;
  for (const auto& each : names) shapes.push_back(parse_shape(each));
  std::vector<test::phase> phases;
  if (waits > 0) phases.push_back({doing::waits, waits});
  phases.push_back({doing::computes, computes});
  return compare_on_paper(on, std::vector<test::paper_task>(tasks, {phases}), shapes, 1);
}

TEST(sentences, a_bound_says_what_it_is_a_bound_of) {
  const auto few = paper(200, 0.07, 0.0001, {"sync", "threads:5", "async:5"});
  EXPECT_THAT(few.why,
              AllOf(HasSubstr("No shape can be faster than 0.070 s: the slowest task took at least this long"),
                    HasSubstr("With 5 in flight, the most of the shapes measured, 200 tasks of 0.070 s take at "
                              "least 2.80")));
  const auto many = paper(200, 0.07, 0.0001, {"sync", "async:200"});
  EXPECT_THAT(many.why, Not(HasSubstr("in flight, the most of the shapes measured")));
}

TEST(sentences, a_bound_of_uneven_tasks_says_which_figure_is_an_average) {
  std::vector<test::paper_task> all(18, {{{doing::waits, 0.05}}});
  all.insert(all.end(), 2, {{{doing::waits, 0.2}}});
  const auto found = compare_on_paper({}, all, {sync(), threads(4), async(4)}, 1);
  EXPECT_THAT(found.why, HasSubstr("20 tasks of 0.065 s on average (the longest: 0.200 s) take at least 0.32"));
}

TEST(sentences, the_count_where_more_in_flight_stops_paying_by_littles_law) {
  const std::vector<test::paper_task> all(200, {{{doing::served, 0.07}, {doing::computes, 0.0001}}});
  test::paper_machine queueing;
  queueing.served_at_once = 40;
  const auto queued = compare_on_paper(queueing, all, {sync(), async(5), async(64), async(200)}, 1);
  EXPECT_THAT(queued.why, AllOf(HasSubstr("Choose async:64"),
                                HasSubstr("More in flight pays up to async:64; async:200 is not faster."),
                                ContainsRegex("in flight = rate x latency = [0-9]+ tasks/s x 0.070 s = (39|40)")));
  const auto found = find_in_flight(queued);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->pays_up_to, 64U);
  const auto open = paper(200, 0.07, 0.0001, {"sync", "async:5", "async:200"});
  EXPECT_THAT(open.why, HasSubstr("More in flight still pays at async:200, the most measured."));
  EXPECT_FALSE(find_in_flight(paper(6, 0, 0.3, {"sync", "async:2", "async:5"}))) << "tasks that compute";
}

TEST(sentences, the_gain_is_over_the_best_that_does_not_tie) {
  const auto found = paper(5, 0.4, 0.001, {"sync", "threads:5", "async:5", "processes:5", "hybrid:5"});
  EXPECT_THAT(found.why, AllOf(HasSubstr("Choose async:5"), HasSubstr("are as fast within the measurement noise"),
                               ContainsRegex("It is (4.9|5.0)[0-9] times as fast as the next best, sync")));
  EXPECT_EQ(found.ties.size(), 3U);
}

TEST(sentences, work_that_computes_needs_a_core_for_each_task) {
  EXPECT_THAT(paper(6, 0, 0.3, {"sync", "threads:2", "threads:5", "hybrid:5"}).why,
              AllOf(HasSubstr("Choose threads:2"), HasSubstr("as many at a time as there are cores, threads:2.")));
  EXPECT_THAT(paper(6, 0, 0.3, {"sync", "threads:6"}).why, HasSubstr("threads:2 (not measured here)."));
}

TEST(sentences, next_to_a_hog_no_shape_is_named_and_it_says_what_was_seen) {
  test::paper_machine busy;
  busy.hogs = 1;
  const auto found = paper(6, 0, 0.3, {"sync", "threads:2", "threads:5"}, busy);
  EXPECT_FALSE(found.best);
  EXPECT_THAT(found.why, AllOf(ContainsRegex("Cannot tell which shape is best: other programs used (0.9|1.0)[0-9] of"),
                               HasSubstr("Seen in this run: "), HasSubstr("run the same command again"),
                               Not(HasSubstr("Choose "))));
}

TEST(sentences, a_speed_up_above_the_cores_is_noise) {
  comparison found = paper(6, 0, 0.3, {"sync", "threads:2"});
  for (auto& wall : found.rows[0].walls) wall = wall * 12 / 10;
  found.rows[0].cost.wall = found.rows[0].cost.wall * 12 / 10;
  judge(found);
  EXPECT_THAT(found.why, HasSubstr("More than 2 times is measurement noise: there are 2 cores."));
}

TEST(sentences, are_plain_ascii_for_every_terminal) {
  test::paper_machine busy;
  busy.hogs = 2;
  for (const auto& each : {paper(200, 0.07, 0.0001, {"sync", "async:5", "async:64"}),
                           paper(6, 0, 0.3, {"sync", "threads:2"}), paper(6, 0, 0.3, {"sync", "threads:2"}, busy)})
    EXPECT_EQ(printable(each.why), each.why);
}

}  // namespace
}  // namespace fanout::detail
