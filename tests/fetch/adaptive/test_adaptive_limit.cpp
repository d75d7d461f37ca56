#include <fanout/fetch/adaptive_limit.hpp>
#include <fanout/fetch/request_pacer.hpp>

#include "fetch/adaptive/simulated_server.hpp"
#include "support/sanitized.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fanout::fetch::adaptive_limit;
using fanout::fetch::request_pacer;
using fanout_test::simulated_server;
using time_point = std::chrono::steady_clock::time_point;

constexpr time_point simulation_start{1h};

/// A second of a run.
struct second {
  double answered = 0;
  double refused = 0;
  double in_flight = 0;  ///< when requests began, summed
  double begun = 0;
  std::uint32_t largest = 0;
};

/// A client that always has something to ask for, for so many seconds.
std::vector<second> simulate(simulated_server& server, int seconds, std::uint32_t most = 10'000,
                             const std::function<void(simulated_server&, int)>& each_second = {}) {
  adaptive_limit limit({.most = most});
  request_pacer pacer;
  std::vector<second> run(static_cast<std::size_t>(seconds));
  std::vector<adaptive_limit::ticket> tickets;
  auto now = simulation_start;
  const auto end = now + std::chrono::seconds(seconds);
  int last_second = -1;
  while (now < end) {
    const auto number = static_cast<int>((now - simulation_start) / 1s);
    if (number != last_second && each_second) each_second(server, number);
    last_second = number;
    second& current = run[static_cast<std::size_t>(number)];
    while (limit.has_room() && pacer.next_start() <= now) {
      pacer.started(now);
      tickets.push_back(limit.begin(now));
      server.arrive(tickets.size() - 1, now);
      const auto in_flight = limit.statistics().in_flight;
      current.in_flight += in_flight;
      current.begun += 1;
      current.largest = std::max(current.largest, in_flight);
    }
    const auto next_answer = server.idle() ? end : server.next();
    if (limit.has_room() && pacer.next_start() < next_answer) {
      now = pacer.next_start();
      continue;
    }
    now = next_answer;
    if (now >= end) break;
    const auto answer = server.take();
    second& then = run[static_cast<std::size_t>((now - simulation_start) / 1s)];
    const auto& ticket = tickets[answer.request];
    if (answer.refused) {
      pacer.refused(ticket.begun, now);
      then.refused += 1;
    } else {
      pacer.accepted(now);
      then.answered += 1;
    }
    limit.end(ticket, now, answer.refused ? adaptive_limit::result::ignored : adaptive_limit::result::answered);
  }
  return run;
}

double throughput(const std::vector<second>& run, std::size_t from, std::size_t to) {
  double sum = 0;
  for (std::size_t i = from; i < to; ++i) sum += run[i].answered;
  return sum / static_cast<double>(to - from);
}
double mean_in_flight(const std::vector<second>& run, std::size_t from, std::size_t to) {
  double sum = 0;
  double begun = 0;
  for (std::size_t i = from; i < to; ++i) sum += run[i].in_flight, begun += run[i].begun;
  return sum / begun;
}
std::uint32_t largest_in_flight(const std::vector<second>& run, std::size_t from, std::size_t to) {
  std::uint32_t largest = 0;
  for (std::size_t i = from; i < to; ++i) largest = std::max(largest, run[i].largest);
  return largest;
}
/// The first second from `from` on in which that throughput is reached.
std::size_t reached(const std::vector<second>& run, double wanted, std::size_t from = 0) {
  while (from < run.size() && run[from].answered < wanted) ++from;
  return from;
}

double about(std::mt19937_64& random, double seconds, double by = 0.1) {
  return seconds * std::uniform_real_distribution<double>(1 - by, 1 + by)(random);
}

class adaptive_limit_with : public testing::TestWithParam<std::uint64_t> {};

TEST_P(adaptive_limit_with, a_server_that_serves_32_at_a_time) {
  simulated_server server(GetParam());
  server.places = 32;
  server.service_s = [](auto& random, std::size_t) { return about(random, 0.1); };
  const auto run = simulate(server, 60);
  EXPECT_GE(throughput(run, 10, 60), 320 * 0.93);
  EXPECT_LE(reached(run, 320 * 0.9), 3U);
  EXPECT_LE(mean_in_flight(run, 10, 60), 32 * 1.5);
  EXPECT_LE(largest_in_flight(run, 0, 60), 32 * 5U) << "the start overshoots once";
}

TEST_P(adaptive_limit_with, a_server_whose_latency_grows_beyond_50) {
  simulated_server server(GetParam());
  server.service_s = [](auto& random, std::size_t present) {
    return about(random, 0.08) * std::max(1.0, std::pow(static_cast<double>(present) / 50, 1.3));
  };
  const auto run = simulate(server, 60);
  EXPECT_GE(throughput(run, 10, 60), 50 / 0.08 * 0.88);
  EXPECT_LE(mean_in_flight(run, 10, 60), 50 * 1.5);
}

TEST_P(adaptive_limit_with, a_server_that_refuses_more_than_200_a_second) {
  simulated_server server(GetParam());
  double tokens = 20;
  auto last = simulation_start;
  server.service_s = [](auto& random, std::size_t) { return about(random, 0.05); };
  server.refuses = [&](time_point now) {
    tokens = std::min(20.0, tokens + std::chrono::duration<double>(now - last).count() * 200);
    last = now;
    if (tokens < 1) return true;
    tokens -= 1;
    return false;
  };
  const auto run = simulate(server, 60);
  EXPECT_GE(throughput(run, 10, 60), 200 * 0.85);
  double refused = 0;
  for (std::size_t i = 5; i < 60; ++i) refused += run[i].refused;
  EXPECT_LE(refused, 0.02 * 200 * 55);
}

TEST_P(adaptive_limit_with, a_link_of_400_ms_without_a_limit) {
  simulated_server server(GetParam());
  server.service_s = [](auto& random, std::size_t) { return about(random, 0.4, 0.05); };
  const auto run = simulate(server, 60, 2'000);
  EXPECT_GE(throughput(run, 20, 60), 2'000 / 0.4 * 0.9);
  EXPECT_LE(reached(run, 2'000 / 0.4 * 0.85), 12U);
}

TEST_P(adaptive_limit_with, a_server_with_mixed_latencies) {
  simulated_server server(GetParam());
  server.places = 64;
  server.service_s = [](auto& random, std::size_t) { return about(random, random() % 10 == 0 ? 1.0 : 0.05); };
  const auto run = simulate(server, 60);
  const double best = 64 / 0.145;
  EXPECT_GE(throughput(run, 15, 60), best * 0.85);
  EXPECT_LE(mean_in_flight(run, 15, 60), 64 * 1.8);
}

TEST_P(adaptive_limit_with, a_limit_that_moves_from_32_to_128) {
  simulated_server server(GetParam());
  server.places = 32;
  server.service_s = [](auto& random, std::size_t) { return about(random, 0.1); };
  const auto run = simulate(server, 90, 10'000, [](simulated_server& at, int second) {
    if (second == 30) at.places = 128;
  });
  EXPECT_GE(throughput(run, 10, 30), 320 * 0.93);
  EXPECT_LE(reached(run, 1'280 * 0.85, 30), 30U + 30U);
  EXPECT_GE(throughput(run, 60, 90), 1'280 * 0.85);
}

TEST_P(adaptive_limit_with, a_limit_that_moves_from_128_to_16) {
  simulated_server server(GetParam());
  server.places = 128;
  server.service_s = [](auto& random, std::size_t) { return about(random, 0.1); };
  const auto run = simulate(server, 60, 10'000, [](simulated_server& at, int second) {
    if (second == 30) at.places = 16;
  });
  EXPECT_GE(throughput(run, 10, 30), 1'280 * 0.9);
  EXPECT_GE(throughput(run, 32, 60), 160 * 0.93);
  EXPECT_LE(mean_in_flight(run, 40, 60), 16 * 1.7);
}

TEST_P(adaptive_limit_with, a_server_that_becomes_slow_for_good_keeps_its_throughput) {
  simulated_server server(GetParam());
  double latency = 0.05;
  server.service_s = [&latency](auto& random, std::size_t) { return about(random, latency); };
  const auto run = simulate(server, 60, 100, [&latency](simulated_server&, int second) {
    if (second == 20) latency = 0.2;
  });
  EXPECT_GE(throughput(run, 10, 20), 100 / 0.05 * 0.9);
  EXPECT_GE(throughput(run, 35, 60), 100 / 0.2 * 0.85);
}

INSTANTIATE_TEST_SUITE_P(seeds, adaptive_limit_with, testing::Range<std::uint64_t>(1, fanout::test::sanitized ? 2 : 9));

TEST(adaptive_limit, learns_nothing_while_there_is_little_to_do) {
  adaptive_limit limit;
  auto now = simulation_start;
  for (int i = 0; i < 10'000; ++i) {
    const auto one = limit.begin(now);
    now += 10ms;
    limit.end(one, now, adaptive_limit::result::answered);
  }
  EXPECT_EQ(limit.limit(), 8U);
}

TEST(adaptive_limit, failures_alone_leave_it_as_it_is) {
  adaptive_limit limit;
  auto now = simulation_start;
  for (int i = 0; i < 1'000; ++i) {
    std::vector<adaptive_limit::ticket> begun;
    while (limit.has_room()) begun.push_back(limit.begin(now));
    now += 1ms;
    for (const auto& one : begun) limit.end(one, now, adaptive_limit::result::ignored);
  }
  EXPECT_EQ(limit.limit(), 8U);
}

}  // namespace
