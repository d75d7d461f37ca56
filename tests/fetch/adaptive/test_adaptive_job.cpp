// Adaptive concurrency in a job, against servers of this machine. How fast it converges is for test_adaptive_limit.cpp,
// with a clock of its own; here it is whether a job follows it.

#include <fanout/core/shape.hpp>
#include <fanout/fetch/job.hpp>
#include <fanout/origin/background.hpp>

#include "http/scripted_server.hpp"
#include "support/leaks.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace fanout::fetch;
using namespace std::chrono_literals;

class adaptive_job : public fanout::test::leak_checked, public ::testing::WithParamInterface<const char*> {
 protected:
  /// Each URL has one record, under any shape.
  job_report fetch_all(const std::vector<std::string>& urls, host_scheduler_options hosts = {}) {
    job fetching;
    fetching.how.shape = fanout::parse_shape(GetParam());
    fetching.schedule.emplace();
    fetching.schedule->adaptive = true;
    fetching.schedule->most_in_flight = 512;
    fetching.schedule->hosts = hosts;
    std::set<std::uint64_t> indexes;
    record_callback seen([&](finished& each, writer&) { EXPECT_TRUE(indexes.insert(each.index).second); });
    fetching.sinks = {&seen};
    job_report done = fetching.run(urls);
    EXPECT_EQ(indexes.size(), urls.size());
    return done;
  }
};

// A server that only waits takes any number: more are in flight than a host begins with.
TEST_P(adaptive_job, grows_where_that_helps) {
  const fanout::origin::background origin;
  const auto done = fetch_all(std::vector<std::string>(1'500, origin.url("/delay/20")));
  EXPECT_EQ(done.counts.succeeded, 1'500U);
  EXPECT_GT(origin.statistics().peak_waiting, 16U);
  EXPECT_GT(done.in_flight_found, 0U);
}

TEST_P(adaptive_job, what_the_user_allows_bounds_it) {
  const fanout::origin::background origin;
  const auto done = fetch_all(std::vector<std::string>(200, origin.url("/delay/5")), {.per_host = 3});
  EXPECT_EQ(done.counts.succeeded, 200U);
  EXPECT_LE(origin.statistics().peak_waiting, 3U);
}

// A server that is down answers 503 to all: nobody waits for a rate that it never had.
TEST_P(adaptive_job, a_host_that_is_down_keeps_nothing_waiting) {
  const fanout::origin::background origin;
  const auto done = fetch_all(std::vector<std::string>(300, origin.url("/status/503")));
  EXPECT_EQ(done.counts.of(fanout::failure_kind::status), 300U);
}

INSTANTIATE_TEST_SUITE_P(shapes, adaptive_job, ::testing::Values("auto:512", "async:512", "hybrid:512", "2x2x128"),
                         [](const auto& of) {
                           std::string name = of.param;
                           std::erase(name, ':');
                           return name;
                         });

// A server that takes every second request and answers 429 to the others: the pacer spaces them, and retries bring all.
TEST(adaptive_pacing, a_host_that_refuses_is_asked_more_slowly_until_all_are_there) {
  std::atomic<int> requests = 0;
  fanout_test::scripted_server server([&](fanout_test::peer& with, int) {
    while (!with.read_request().empty()) {
      const bool refuses = ++requests % 4 == 0;
      with.send(refuses ? "HTTP/1.1 429 Slow Down\r\nContent-Length: 0\r\n\r\n"
                        : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  job fetching;
  fetching.how.shape = fanout::async(64);
  fetching.schedule.emplace();
  fetching.schedule->adaptive = true;
  fetching.schedule->retry = retry_rules{.retries = 20, .fixed_delay = 1ms, .host_budget = 100, .job_budget = 100};
  const auto done = fetching.run(std::vector<std::string>(20, server.url("/")));
  EXPECT_EQ(done.counts.succeeded, 20U);
  EXPECT_GT(done.retries, 0U);
  EXPECT_EQ(static_cast<std::uint64_t>(requests), 20 + done.retries);
}

}  // namespace
