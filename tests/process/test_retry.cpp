// Which tasks and which workers get another try after a death.

#include "process/supervisor/retry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>

namespace retry_tests {

using namespace fanout;
using namespace fanout::detail;
using namespace std::chrono_literals;

retry_rules rules_of(std::uint32_t retries, std::uint32_t quarantine_after) {
  worker_options how;
  how.retries = retries;
  how.quarantine_after = quarantine_after;
  return retry_rules(how);
}

TEST(retry, gives_a_task_as_many_more_workers_as_it_may_have) {
  retry_rules rules = rules_of(2, 0);
  EXPECT_TRUE(rules.again(0, "x", true, 0));
  EXPECT_TRUE(rules.again(0, "x", true, 1));
  EXPECT_FALSE(rules.again(0, "x", true, 2));
  EXPECT_FALSE(rules_of(0, 0).again(0, "x", true, 0));
  EXPECT_FALSE(rules.any_held());
}

TEST(quarantine, holds_an_input_that_was_alone_with_its_worker_often_enough) {
  retry_rules rules = rules_of(100, 2);
  EXPECT_TRUE(rules.again(1, "x", true, 0));
  EXPECT_FALSE(rules.any_held());
  EXPECT_TRUE(rules.again(1, "y", true, 0)) << "another input";
  EXPECT_TRUE(rules.again(2, "x", true, 0)) << "another function";
  EXPECT_FALSE(rules.again(1, "x", true, 1)) << "although there are retries left";
  EXPECT_TRUE(rules.any_held());
  EXPECT_TRUE(rules.holds(1, "x"));
  EXPECT_FALSE(rules.holds(1, "y"));
  EXPECT_FALSE(rules.holds(2, "x"));
}

TEST(quarantine, does_not_hold_those_who_may_be_innocent) {
  retry_rules rules = rules_of(100, 1);
  for (std::uint32_t deaths = 0; deaths < 10; ++deaths) EXPECT_TRUE(rules.again(1, "x", false, deaths));
  EXPECT_FALSE(rules.holds(1, "x"));
}

TEST(quarantine, remembers_some_thousand_inputs_and_no_more) {
  retry_rules rules = rules_of(0, 1);
  for (int i = 0; i < 10'000; ++i) rules.again(0, std::to_string(i), true, 0);
  EXPECT_TRUE(rules.holds(0, "0"));
  EXPECT_FALSE(rules.holds(0, "9999"));
}

TEST(restart, gives_up_on_workers_that_end_by_themselves) {
  restart_rules rules;
  const auto now = restart_rules::clock::now();
  for (int i = 1; i < restart_rules::most_failed_starts; ++i) {
    const auto next = rules.failed(false, now);
    EXPECT_FALSE(next.give_up);
    EXPECT_EQ(next.pause, 0ms);
  }
  EXPECT_TRUE(rules.failed(false, now).give_up);
}

TEST(restart, counts_anew_when_a_worker_has_begun) {
  restart_rules rules;
  const auto now = restart_rules::clock::now();
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(rules.failed(false, now).give_up);
    rules.began();
  }
}

TEST(restart, waits_longer_and_longer_for_whoever_kills_workers_to_stop) {
  restart_rules rules;
  auto now = restart_rules::clock::now();
  std::chrono::milliseconds last{0};
  for (int i = 0; i < restart_rules::most_failed_starts; ++i) EXPECT_EQ(rules.failed(true, now).pause, 0ms);
  while (last < restart_rules::start_again) {
    const auto next = rules.failed(true, now);
    ASSERT_FALSE(next.give_up);
    ASSERT_GT(next.pause, last);
    last = next.pause;
    now += next.pause;
  }
  EXPECT_EQ(rules.failed(true, now).pause, restart_rules::start_again) << "no longer than that";
}

TEST(restart, gives_up_on_whoever_goes_on_killing_them) {
  restart_rules rules;
  const auto begun = restart_rules::clock::now();
  auto now = begun;
  while (!rules.failed(true, now).give_up) {
    now += 1s;
    ASSERT_LT(now - begun, 1min);
  }
  EXPECT_GT(now - begun, restart_rules::killed_starts_limit);
}

TEST(restart, forgives_a_killer_who_comes_seldom) {
  restart_rules rules;
  auto now = restart_rules::clock::now();
  for (int i = 0; i < 100; ++i, now += 2 * restart_rules::killed_starts_limit)
    EXPECT_FALSE(rules.failed(true, now).give_up);
}

TEST(restart, tells_signals_of_others_from_a_programs_own) {
  for (const int other : {SIGKILL, SIGTERM, SIGHUP, SIGINT}) EXPECT_TRUE(restart_rules::sent_by_others(other));
  for (const int own : {0, SIGSEGV, SIGABRT, SIGBUS, SIGFPE}) EXPECT_FALSE(restart_rules::sent_by_others(own));
}

}  // namespace retry_tests
