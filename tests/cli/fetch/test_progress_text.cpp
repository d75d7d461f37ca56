#include "cli/fetch/progress_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace {

using namespace fanout::cli;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

progress_view half_way() {
  progress_view made;
  made.now.begun = 564;
  made.now.ended = 500;
  made.now.counts.succeeded = 488;
  made.now.counts.failed = 12;
  made.now.counts.bytes = 1'000'000;
  made.now.counts.by_kind = {{fanout::failure_kind::dns, 2}, {fanout::failure_kind::timeout, 10}};
  made.now.by_status = {{0, 12}, {200, 488}};
  made.total = 1'000;
  made.rate = 5;
  made.byte_rate = 2048;
  made.slowest = fanout::fetch::host_figures{"slow.example", 3, 0, std::chrono::milliseconds(2'300)};
  return made;
}

TEST(progress_text, a_wide_bar_has_all) {
  const std::string bar = progress_bar(half_way(), 200);
  EXPECT_THAT(bar, StartsWith("[###############...............] 500/1000 50%"));
  EXPECT_THAT(bar, AllOf(HasSubstr("5/s"), HasSubstr("64 in flight"), HasSubstr("1m40s left"), HasSubstr("12 failed"),
                         HasSubstr("(timeout 10, dns 2)"), HasSubstr("slowest slow.example 2.3 s")));
}

TEST(progress_text, a_bar_fits_any_terminal) {
  for (std::size_t width = 0; width < 200; ++width) {
    const std::string bar = progress_bar(half_way(), width);
    EXPECT_LT(bar.size(), std::max<std::size_t>(width, 1)) << width;
    if (width <= 12) continue;
    EXPECT_THAT(bar, HasSubstr("500/1000 50%")) << width;
  }
}

TEST(progress_text, without_a_total_there_is_no_bar_and_no_time) {
  progress_view view = half_way();
  view.total.reset();
  EXPECT_THAT(progress_bar(view, 200), AllOf(StartsWith("500 done"), Not(HasSubstr("left"))));
  view.total = 0;
  EXPECT_THAT(progress_bar(view, 200), StartsWith("500/0 100%"));
}

TEST(progress_text, earlier_runs_count) {
  progress_view view = half_way();
  view.done_before = 499;
  EXPECT_THAT(progress_line(view), AllOf(StartsWith("fanout fetch: 999/1000 99%"), HasSubstr("1s left")));
}

TEST(progress_text, a_name_from_a_list_cannot_command_the_terminal) {
  progress_view view = half_way();
  view.slowest->host = "a\x1b[2Jb\n";
  EXPECT_THAT(progress_bar(view, 200), HasSubstr("slowest a?[2Jb?"));
}

TEST(progress_text, times_are_readable) {
  using std::chrono::seconds;
  EXPECT_EQ(readable_time(seconds(0)), "0s");
  EXPECT_EQ(readable_time(seconds(59)), "59s");
  EXPECT_EQ(readable_time(seconds(200)), "3m20s");
  EXPECT_EQ(readable_time(seconds(7'500)), "2h05m");
  EXPECT_EQ(readable_time(seconds(4 * 86'400 + 7 * 3'600)), "4d07h");
}

// The rules of the format: https://prometheus.io/docs/instrumenting/exposition_formats/
TEST(progress_text, metrics_are_families_with_samples) {
  progress_view view = half_way();
  view.now.latency.add(std::chrono::milliseconds(20));
  std::istringstream lines(metrics_text(view));
  std::string family;
  int samples = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) family = line.substr(7, line.find(' ', 7) - 7);
    if (line.starts_with("#")) continue;
    EXPECT_THAT(line, StartsWith(family));
    EXPECT_NO_THROW(static_cast<void>(std::stod(line.substr(line.rfind(' ') + 1)))) << line;
    ++samples;
  }
  EXPECT_GT(samples, 15);
  EXPECT_THAT(
      metrics_text(view),
      AllOf(HasSubstr("\nfanout_requests_total{result=\"timeout\"} 10\n"),
            HasSubstr("\nfanout_responses_total{status=\"200\"} 488\n"), HasSubstr("\nfanout_requests_in_flight 64\n"),
            HasSubstr("\nfanout_inputs 1000\n"), HasSubstr("\nfanout_request_duration_seconds_count 1\n")));
}

}  // namespace
