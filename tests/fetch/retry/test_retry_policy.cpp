#include <fanout/fetch/retry_policy.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <random>
#include <string>

namespace {

using namespace std::chrono_literals;
using fanout::failure_kind;
using fanout::fetch::attempt;
using fanout::fetch::retry_policy;
using fanout::fetch::retry_rules;

constexpr retry_policy::clock::time_point retry_start{3h};

retry_policy policy_of(retry_rules rules, double random = 0.5) {
  return {rules, [random] { return random; }};
}

TEST(retry_policy, by_kind_and_status) {
  struct row {
    std::optional<failure_kind> error;
    int status;
    bool usual;
    bool all_errors;
  };
  const row rows[] = {
      {std::nullopt, 200, false, false},
      {std::nullopt, 304, false, false},
      {failure_kind::dns, 0, true, true},
      {failure_kind::connect, 0, true, true},
      {failure_kind::timeout, 0, true, true},
      {failure_kind::protocol, 0, true, true},
      {failure_kind::tls, 0, false, true},
      {failure_kind::too_large, 200, false, true},
      {failure_kind::digest_mismatch, 200, false, true},  // a body that was cut, or of a mirror
      {failure_kind::opted_out, 200, false, false},
      {failure_kind::refused_by_policy, 0, false, false},
      {failure_kind::invalid_request, 0, false, false},
      {failure_kind::cancelled, 0, false, false},
      {failure_kind::status, 404, false, true},
      {failure_kind::status, 400, false, true},
      {failure_kind::status, 408, true, true},
      {failure_kind::status, 425, true, true},
      {failure_kind::status, 429, true, true},
      {failure_kind::status, 500, true, true},
      {failure_kind::status, 501, false, true},
      {failure_kind::status, 502, true, true},
      {std::nullopt, 503, true, true},
      {failure_kind::status, 504, true, true},
  };
  for (const auto& [error, status, usual, all] : rows) {
    const attempt ended{.host = "h", .error = error, .status = status};
    EXPECT_EQ(policy_of({.retries = 1}).retry_at(ended, retry_start).has_value(), usual) << status;
    EXPECT_EQ(policy_of({.retries = 1, .all_errors = true}).retry_at(ended, retry_start).has_value(), all) << status;
  }
}

TEST(retry_policy, repeats_only_what_may_be_repeated) {
  const auto retried = [](const char* method, failure_kind error, bool any = false) {
    return policy_of({.retries = 1, .any_method = any})
        .retry_at({.host = "h", .method = method, .error = error}, retry_start)
        .has_value();
  };
  for (const char* const method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
    EXPECT_TRUE(retried(method, failure_kind::timeout)) << method;
  for (const int status : {408, 425, 429, 503})
    EXPECT_TRUE(policy_of({.retries = 1}).retry_at({.host = "h", .method = "POST", .status = status}, retry_start))
        << "the server did nothing";
  EXPECT_FALSE(policy_of({.retries = 1}).retry_at({.host = "h", .method = "POST", .status = 500}, retry_start));
  for (const char* const method : {"POST", "PATCH", "get"}) {
    EXPECT_FALSE(retried(method, failure_kind::timeout)) << method;
    EXPECT_TRUE(retried(method, failure_kind::connect)) << "nothing was sent";
    EXPECT_TRUE(retried(method, failure_kind::timeout, true)) << method;
  }
}

TEST(retry_policy, waits_up_to_twice_as_long_each_time) {
  attempt ended{.host = "h", .error = failure_kind::timeout};
  for (const double random : {0.0, 0.25, 0.999}) {
    auto policy = policy_of({.retries = 8, .most_delay = 20s}, random);
    double longest = 1;
    for (ended.number = 1; ended.number <= 8; ++ended.number) {
      const auto when = policy.retry_at(ended, retry_start);
      ASSERT_TRUE(when);
      EXPECT_NEAR(std::chrono::duration<double>(*when - retry_start).count(), random * std::min(longest, 20.0), 0.001);
      longest *= 2;
    }
    EXPECT_FALSE(policy.retry_at(ended, retry_start)) << "eight retries, no more";
  }
}

TEST(retry_policy, heeds_the_server_and_the_user) {
  attempt ended{.host = "h", .status = 503, .retry_after = 90s, .begun = retry_start};
  EXPECT_EQ(policy_of({.retries = 1, .most_delay = 10s}).retry_at(ended, retry_start), retry_start + 90s);
  EXPECT_EQ(policy_of({.retries = 1, .most_time = 60s}).retry_at(ended, retry_start), std::nullopt);
  ended.retry_after.reset();
  EXPECT_EQ(policy_of({.retries = 1, .fixed_delay = 7s}).retry_at(ended, retry_start), retry_start + 7s);
  EXPECT_EQ(policy_of({.retries = 1, .fixed_delay = 7s, .most_time = 6s}).retry_at(ended, retry_start), std::nullopt);
}

TEST(retry_policy, a_job_whose_every_request_fails_sends_a_tenth_more) {
  auto policy = policy_of({.retries = 5});
  std::uint64_t sent = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::string host = "h" + std::to_string(i % 500);
    attempt ended{.host = host, .status = 500};
    for (ended.number = 1; ++sent, policy.retry_at(ended, retry_start); ++ended.number) {
    }
  }
  EXPECT_EQ(policy.statistics().requests, 10'000U);
  EXPECT_LE(sent, 11'100U);
  EXPECT_GE(sent, 11'000U);
  EXPECT_GT(policy.statistics().refused, 0U);
}

TEST(retry_policy, one_bad_host_does_not_use_up_the_budget_of_the_job) {
  auto policy = policy_of({.retries = 5, .circuit_failures = 0});
  for (int i = 0; i < 1'000; ++i) {
    attempt ended{.host = "bad", .status = 500};
    while (policy.retry_at(ended, retry_start)) ++ended.number;
    policy.retry_at({.host = "good", .status = 200}, retry_start);
  }
  EXPECT_LE(policy.statistics().retries, 10U + 200U + 1U);
}

using what = retry_policy::decision;

TEST(retry_policy, requests_of_a_dead_host_wait_for_three_probes) {
  auto policy = policy_of({.retries = 9});
  auto now = retry_start;
  const attempt dead{.host = "dead", .error = failure_kind::dns};
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(policy.may_start("dead", now).what, what::send);
    policy.retry_at(dead, now);
  }
  EXPECT_EQ(policy.statistics().dead_hosts, 1U);
  EXPECT_EQ(policy.may_start("dead", now).what, what::wait);
  EXPECT_EQ(policy.may_start("dead", now).until, now + 30s);
  EXPECT_EQ(policy.may_start("other", now).what, what::send);
  policy.retry_at(dead, now);  // it was under way, and is no probe
  for (int probe = 0; probe < 3; ++probe) {
    now += 30s;
    EXPECT_EQ(policy.may_start("dead", now).what, what::send) << "a probe";
    EXPECT_EQ(policy.may_start("dead", now).what, what::wait) << "and no other";
    policy.retry_at(dead, now);
  }
  EXPECT_EQ(policy.may_start("dead", now).what, what::refuse);
  EXPECT_EQ(policy.may_start("dead", now).why, failure_kind::dns);
  now += 30s;
  EXPECT_EQ(policy.may_start("dead", now).what, what::send);
  EXPECT_FALSE(policy.retry_at(dead, now)) << "which is not sent again";
  now += 30s;
  EXPECT_EQ(policy.may_start("dead", now).what, what::send);
  policy.retry_at({.host = "dead", .error = failure_kind::status, .status = 404}, now);
  EXPECT_EQ(policy.statistics().dead_hosts, 0U);
  EXPECT_EQ(policy.may_start("dead", now).what, what::send) << "it answers";
}

TEST(retry_policy, without_retries_nobody_waits_for_a_dead_host) {
  auto policy = policy_of({});
  for (int i = 0; i < 10; ++i) policy.retry_at({.host = "dead", .error = failure_kind::connect}, retry_start);
  EXPECT_EQ(policy.may_start("dead", retry_start).what, what::refuse);
  EXPECT_EQ(policy.may_start("dead", retry_start + 30s).what, what::send);
}

TEST(retry_policy, budgets_are_filled_by_requests_and_not_by_success_alone) {
  auto policy = policy_of({.retries = 1, .host_budget = 0.5, .job_budget = 1});
  attempt failing{.host = "h", .status = 500};
  int retried = 0;
  for (int i = 0; i < 100; ++i) retried += policy.retry_at(failing, retry_start).has_value() ? 1 : 0;
  EXPECT_NEAR(retried, 10 + 50, 1);
  EXPECT_EQ(policy.statistics().refused, static_cast<std::uint64_t>(100 - retried));
}

}  // namespace
