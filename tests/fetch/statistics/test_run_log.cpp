#include <fanout/fetch/output_error.hpp>
#include <fanout/fetch/run_log.hpp>

#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

namespace {

using namespace fanout::fetch;
using std::chrono::seconds;

job_figures figures(std::uint64_t ended, std::uint64_t failed) {
  job_figures made;
  made.begun = ended + 5;
  made.ended = ended;
  made.counts.failed = failed;
  if (failed > 0) made.counts.by_kind[fanout::failure_kind::dns] = failed;
  return made;
}

TEST(run_log, comes_back_as_it_was_written) {
  const fanout_test::temporary_directory directory;
  const std::string path = directory / "pages.jsonl.log";
  EXPECT_TRUE(read_run_log(path).empty());
  {
    run_log log(path, {"async:64", 7, true});
    EXPECT_TRUE(log.due(seconds(0)));
    log.add(seconds(1), figures(10, 2), std::nullopt);
    EXPECT_FALSE(log.due(std::chrono::milliseconds(1'999)));
    EXPECT_TRUE(log.due(seconds(2)));
    log.end(seconds(3), figures(20, 2), 27, {{"a.example:80", 40, 0}, {"b.example:443", 8, 12.5}});
  }
  run_log(path, {"threads:2", 27, false}).add(seconds(1), figures(1, 0), 27);
  const auto runs = read_run_log(path);
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].shape, "async:64");
  EXPECT_EQ(runs[0].done_before, 7U);
  EXPECT_EQ(runs[0].started.size(), std::string("2026-11-30T12:00:00Z").size());
  EXPECT_TRUE(runs[0].ended);
  ASSERT_EQ(runs[0].moments.size(), 2U);
  const logged_moment& first = runs[0].moments[0];
  EXPECT_EQ(first.seconds, 1);
  EXPECT_EQ(first.done, 10U);
  EXPECT_EQ(first.failed, 2U);
  EXPECT_EQ(first.in_flight, 5U);
  EXPECT_EQ(first.failures.at("dns"), 2U);
  EXPECT_FALSE(first.total);
  EXPECT_EQ(runs[0].moments[1].total, 27U);
  ASSERT_EQ(runs[0].limits.size(), 2U);
  EXPECT_EQ(runs[0].limits[0].host, "a.example:80");
  EXPECT_EQ(runs[0].limits[0].in_flight, 40U);
  EXPECT_EQ(runs[0].limits[1].per_s, 12.5);
  EXPECT_FALSE(runs[1].ended) << "it was killed";
  EXPECT_TRUE(runs[1].limits.empty());

  run_log(path, {"sync", 0, true});
  EXPECT_EQ(read_run_log(path).size(), 1U);
}

TEST(run_log, a_torn_line_is_passed_over) {
  const fanout_test::temporary_directory directory;
  const std::string path = directory / "log";
  run_log(path, {"sync", 0, true}).add(seconds(1), figures(1, 0), std::nullopt);
  std::ofstream(path, std::ios::app) << R"({"t":2.0,"done":)";
  run_log(path, {"sync", 1, false}).add(seconds(1), figures(2, 0), std::nullopt);
  const auto runs = read_run_log(path);
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].moments.size(), 1U);
  EXPECT_EQ(runs[1].moments.size(), 1U);
}

TEST(run_log, of_a_week_has_some_thousand_lines) {
  const fanout_test::temporary_directory directory;
  const std::string path = directory / "log";
  run_log log(path, {"sync", 0, true});
  for (seconds at{0}; at < std::chrono::hours(24 * 7); at += seconds(1))
    if (log.due(at)) log.add(at, job_figures{}, std::nullopt);
  const auto lines = read_run_log(path).at(0).moments.size();
  EXPECT_GT(lines, 2'000U);
  EXPECT_LT(lines, 5'000U);
}

TEST(run_log, where_there_can_be_none_says_so) {
  EXPECT_THROW(run_log("/nowhere/at/all", {"sync", 0, true}), output_error);
}

}  // namespace
