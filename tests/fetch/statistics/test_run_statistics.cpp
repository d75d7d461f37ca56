#include <fanout/fetch/run_statistics.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace fanout::fetch;
using fanout::failure_kind;
using std::chrono::milliseconds;

request of(std::string url) {
  request made;
  made.url = std::move(url);
  return made;
}

record ended_after(milliseconds took, int status, std::optional<failure_kind> error = {}) {
  record made;
  made.status = status;
  made.elapsed_ns = std::chrono::nanoseconds(took).count();
  made.error = error;
  made.bytes = 10;
  made.reused = status == 200;
  return made;
}

TEST(run_statistics, count_what_ends_and_what_is_in_flight) {
  run_statistics all;
  for (int i = 0; i < 5; ++i) all.began();
  all.ended(of("http://a.example/1"), ended_after(milliseconds(10), 200));
  all.ended(of("http://a.example/2"), ended_after(milliseconds(20), 200));
  all.ended(of("http://b.example/"), ended_after(milliseconds(900), 503, failure_kind::status));
  all.ended(of("http://c.example/"), ended_after(milliseconds(5), 0, failure_kind::dns));
  const job_figures now = all.figures();
  EXPECT_EQ(now.in_flight(), 1U);
  EXPECT_EQ(now.ended, 4U);
  EXPECT_EQ(now.reused, 2U);
  EXPECT_EQ(now.counts.bytes, 40U);
  EXPECT_EQ(now.counts.of(failure_kind::dns), 1U);
  EXPECT_EQ(now.by_status, (std::map<std::int32_t, std::uint64_t>{{0, 1}, {200, 2}, {503, 1}}));
  EXPECT_EQ(now.latency.max(), milliseconds(900));

  const auto slow = all.slowest_hosts(2);
  ASSERT_EQ(slow.size(), 2U);
  EXPECT_EQ(slow[0].host, "b.example");
  EXPECT_EQ(slow[0].mean, milliseconds(900));
  EXPECT_EQ(slow[1].host, "a.example");
  EXPECT_EQ(slow[1].requests, 2U);
  EXPECT_EQ(slow[1].mean, milliseconds(15));

  const auto worst = all.worst_hosts(10);
  ASSERT_EQ(worst.size(), 2U) << "a.example had no failure";
  EXPECT_EQ(worst[0].host, "b.example");
  EXPECT_EQ(worst[0].failed, 1U);
  EXPECT_EQ(worst[0].requests, 1U);
}

TEST(run_statistics, may_be_read_while_they_grow) {
  run_statistics all;
  constexpr int each_thread = 2'000;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&all, t] {
        for (int i = 0; i < each_thread; ++i) {
          all.began();
          all.ended(of("http://h" + std::to_string(i % 700) + std::to_string(t) + "/"),
                    ended_after(milliseconds(i % 50), 200));
        }
      });
    threads.emplace_back([&all] {
      while (all.figures().ended < 4 * each_thread) EXPECT_LE(all.slowest_hosts(1000).size(), run_statistics::hosts);
    });
  }
  EXPECT_EQ(all.figures().ended, 8'000U);
  EXPECT_EQ(all.figures().in_flight(), 0U);
}

}  // namespace
