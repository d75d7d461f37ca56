#include "fetch/adaptive/host_limits.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <queue>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fanout::fetch::host_limits;
using limits_clock = host_limits::clock;

constexpr limits_clock::time_point limits_start{2h};
constexpr host_limits::result answered{.answered = true};

/// Hosts whose requests take a fixed time, and a driver that starts as many as the limits allow.
class driven_limits {
 public:
  explicit driven_limits(host_limits::options how) : limits(how) {}

  /// Requests of these hosts, in turn, for so long. Of each host `places` are served at a time, the others wait.
  void run(const std::vector<std::string>& hosts, std::size_t places, std::chrono::milliseconds service,
           std::chrono::seconds time) {
    const auto until = now_ + time;
    std::map<std::string, std::vector<limits_clock::time_point>> free;
    for (const auto& host : hosts) free[host].assign(places, now_);
    for (; now_ < until;) {
      bool started = true;
      while (started) {
        started = false;
        for (std::size_t i = 0; i < hosts.size(); ++i) {
          const std::string& host = hosts[(turn_ + i) % hosts.size()];  // hosts take turns, as those of a scheduler do
          if (total_ >= limits.total() || in_flight_[host] >= limits.of_host(host)) continue;
          auto& places_of = free[host];
          auto place = std::min_element(places_of.begin(), places_of.end());
          *place = std::max(*place, now_) + service;
          ++total_;
          most_of_host = std::max(most_of_host, ++in_flight_[host]);
          events_.push({*place, host, limits.started(host, in_flight_[host], now_)});
          most_total = std::max(most_total, total_);
          started = true;
          turn_ += i + 1;
          break;
        }
      }
      const auto first = events_.top();
      events_.pop();
      now_ = first.at;
      --total_;
      --in_flight_[first.host];
      ++done;
      limits.ended(first.host, first.of, answered, now_);
    }
  }

  host_limits limits;
  std::uint32_t most_of_host = 0;
  std::uint32_t most_total = 0;
  std::uint64_t done = 0;

 private:
  struct event {
    limits_clock::time_point at;
    std::string host;
    host_limits::ticket of;
    bool operator<(const event& other) const { return other.at < at; }
  };
  std::priority_queue<event> events_;
  std::map<std::string, std::uint32_t> in_flight_;
  std::uint32_t total_ = 0;
  std::size_t turn_ = 0;
  limits_clock::time_point now_ = limits_start;
};

TEST(host_limits, one_host_gets_what_it_serves_at_a_time) {
  driven_limits driven({});
  driven.run({"a"}, 64, 100ms, 60s);
  EXPECT_GE(static_cast<double>(driven.done) / 60, 0.8 * 640) << "of 64 places, each ten a second";
  EXPECT_GE(driven.limits.of_host("a"), 56U);
  EXPECT_LE(driven.limits.of_host("a"), 128U);
}

TEST(host_limits, of_two_hosts_each_has_its_own) {
  driven_limits driven({});
  driven.run({"a", "b"}, 32, 100ms, 60s);
  EXPECT_GE(static_cast<double>(driven.done) / 60, 0.8 * 640);
}

TEST(host_limits, many_hosts_share_the_total_and_cost_nothing) {
  driven_limits driven({.most = 300});
  std::vector<std::string> hosts;
  for (int i = 0; i < 100; ++i) hosts.push_back("h" + std::to_string(i));
  driven.run(hosts, 1'000, 100ms, 5s);
  EXPECT_GT(driven.most_total, 200U) << "it grows as long as that helps";
  EXPECT_EQ(driven.limits.states(), 0U) << "no host has 8 in flight";
}

TEST(host_limits, what_the_user_allows_is_never_exceeded) {
  driven_limits driven({.most = 40, .most_of_host = 3});
  driven.run({"a", "b", "c"}, 1'000, 100ms, 20s);
  EXPECT_EQ(driven.most_of_host, 3U);
  EXPECT_LE(driven.most_total, 40U);
  EXPECT_EQ(driven.limits.states(), 0U) << "nothing is to be learned";
}

TEST(host_limits, a_host_that_refuses_is_asked_more_slowly) {
  host_limits limits({});
  auto now = limits_start;
  EXPECT_EQ(limits.next_start("a"), limits_clock::time_point::min());
  // 429 without anything that was taken: slower, from the first one.
  const auto first = limits.started("a", 1, now);
  limits.ended("a", first, {.answered = true, .refused = true}, now += 10ms);
  EXPECT_GT(limits.next_start("a"), now);
  EXPECT_LT(limits.next_start("a"), now + 100ms) << "how much it takes is not known yet";
  EXPECT_EQ(limits.states(), 1U);
  // Retry-After.
  const auto second = limits.started("b", 1, now);
  limits.ended("b", second, {.answered = true, .refused = true, .is_503 = true, .retry_after = 7s}, now += 10ms);
  EXPECT_GE(limits.next_start("b"), now + 7s);
}

// One in four is refused, however fast it is asked: the rate falls step by step, and not to nothing.
TEST(host_limits, a_host_that_refuses_some_is_not_given_up) {
  host_limits limits({});
  auto now = limits_start;
  for (int i = 1; i <= 28; ++i) {
    now = std::max(now, limits.next_start("a"));
    const auto of = limits.started("a", 1, now);
    limits.ended("a", of, {.answered = true, .refused = i % 4 == 0}, now += 1ms);
  }
  EXPECT_LT(now, limits_start + 10s);
}

TEST(host_limits, a_503_is_an_overload_only_where_others_are_taken) {
  host_limits limits({});
  auto now = limits_start;
  const host_limits::result down{.answered = true, .refused = true, .is_503 = true};
  limits.ended("a", limits.started("a", 1, now), down, now + 1ms);
  EXPECT_EQ(limits.next_start("a"), limits_clock::time_point::min()) << "it is down, and not busy";
  limits.ended("a", limits.started("a", 1, now), answered, now += 2ms);
  limits.ended("a", limits.started("a", 1, now), down, now += 2ms);
  EXPECT_GT(limits.next_start("a"), now);
}

TEST(host_limits, idle_hosts_are_forgotten) {
  host_limits limits({});
  auto now = limits_start;
  for (int i = 0; i < 50'000; ++i) {
    const std::string host = "h" + std::to_string(i);
    limits.ended(host, limits.started(host, 8, now), answered, now += 1ms);
    ASSERT_LE(limits.states(), 10'001U);
  }
}

TEST(host_limits_found, are_of_hosts_with_most_in_flight_and_say_who_refused) {
  host_limits limits({});
  EXPECT_TRUE(limits.found(10).empty());
  const auto few = limits.started("few:80", 1, limits_start);
  limits.ended("few:80", few, answered, limits_start);
  for (const char* const host : {"b:80", "a:80", "refuses:80"}) {
    const auto ticket = limits.started(host, 8, limits_start);
    const bool refused = host == std::string("refuses:80");
    limits.ended(host, ticket, {.answered = true, .refused = refused}, limits_start + 10ms);
  }
  const auto found = limits.found(10);
  ASSERT_EQ(found.size(), 3U) << "a host with few in flight has no state";
  EXPECT_EQ(found[0].host, "a:80");
  EXPECT_EQ(found[0].in_flight, 8U);
  EXPECT_EQ(found[0].per_s, 0);
  EXPECT_EQ(found[2].host, "refuses:80");
  EXPECT_GT(found[2].per_s, 0);
  EXPECT_EQ(limits.found(1).size(), 1U);
}

}  // namespace
