#include "cli/fetch/fetch_text.hpp"

#include <gtest/gtest.h>

namespace fanout::cli {
namespace {

using namespace std::chrono_literals;

fetch::job_report two_seconds() {
  fetch::job_report done;
  done.cost.shape = async(64);
  done.cost.tasks = 20;
  done.cost.wall = 2s;
  done.cost.cpu_user = 1s;
  done.cost.peak_rss_bytes = 12'300'000;
  done.counts.succeeded = 20;
  done.counts.bytes = 1'500;
  return done;
}

TEST(fetch_text, a_summary_is_a_line) {
  EXPECT_EQ(summary_text(two_seconds()),
            "20 fetched, 0 failed, 1.5 kB in 2.00 s: 10 a second, async:64 (0.50 cores, 12.3 MB peak)\n");
}

TEST(fetch_text, a_summary_names_what_failed_and_what_was_left_out) {
  fetch::job_report done = two_seconds();
  done.counts.succeeded = 15;
  done.counts.skipped = 2;
  done.counts.failed = 5;
  done.counts.by_kind = {{failure_kind::dns, 1}, {failure_kind::timeout, 4}};
  done.done_before = 7;
  done.repeats = 3;
  done.retries = 4;
  done.cost.choice = "one loop is enough";
  EXPECT_EQ(summary_text(done),
            "13 fetched, 5 failed (1 dns, 4 timeout), 2 skipped, 3 repeats passed over, 4 retries, 7 done before, 1.5 "
            "kB in 2.00 "
            "s: 10 a second, async:64 (0.50 cores, 12.3 MB peak)\nauto: one loop is enough\n");
}

TEST(fetch_text, a_summary_says_how_many_requests_in_flight_were_found) {
  fetch::job_report done = two_seconds();
  done.cost.shape = async(10'000);
  done.cost.choice = "one loop is enough";
  done.in_flight_found = 128;
  EXPECT_EQ(
      summary_text(done),
      "20 fetched, 0 failed, 1.5 kB in 2.00 s: 10 a second, async, up to 128 in flight (0.50 cores, 12.3 MB peak)\n");
}

TEST(fetch_text, a_state_is_how_far_and_how_fast) {
  fetch::counts counts;
  counts.failed = 2;
  EXPECT_EQ(state_text({.finished = 50, .failures = 0, .elapsed = 2s}, counts),
            "fanout fetch: 50 done, 2 failed, 25 a second\n");
  EXPECT_EQ(state_text({}, {}), "fanout fetch: 0 done, 0 failed, 0 a second\n");
}

TEST(fetch_text, what_waits_is_counted_with_its_end) {
  fetch::waiting_requests left;
  left.requests = 1;
  left.hosts = 2;
  left.latest = 1500ms;
  EXPECT_EQ(waiting_text(left),
            "fanout fetch: 1 URL of 2 hosts left, all waiting for a retry or until the host may be asked again; the "
            "last one for 2 s\n");
  left.given_up = 60s;
  EXPECT_TRUE(waiting_text(left).ends_with("for 2 s. URLs left after 60 s are given up (--give-up-after)\n"));
}

TEST(fetch_text, statistics_of_several_requests_name_the_hosts_that_failed) {
  fetch::run_statistics all;
  fetch::request asked;
  fetch::record result;
  asked.url = "http://a.example/";
  result.status = 200;
  result.elapsed_ns = 20'000'000;
  result.reused = true;
  all.ended(asked, result);
  EXPECT_EQ(statistics_text(all), "") << "of one there is nothing to say";
  asked.url = "http://b\x1b[2J.example/";
  result = {};
  result.error = failure_kind::dns;
  result.elapsed_ns = 40'000'000;
  all.ended(asked, result);
  EXPECT_EQ(statistics_text(all),
            "latency: 50% 20.2 ms, 90% 40.0, 99% 40.0, longest 40.0; 1 of 1 responses over open connections\n"
            "most failures: b?[2J.example (1)\n");
}

TEST(fetch_text, statistics_without_a_response_have_no_latency) {
  fetch::run_statistics all;
  fetch::request asked;
  asked.url = "http://a.example/";
  fetch::record result;
  result.error = failure_kind::dns;
  for (int i = 0; i < 2; ++i) all.ended(asked, result);
  EXPECT_EQ(statistics_text(all), "most failures: a.example (2)\n");
}

}  // namespace
}  // namespace fanout::cli
