#include <fanout/fetch/request_pacer.hpp>

#include <gtest/gtest.h>

#include <chrono>

namespace {

using namespace std::chrono_literals;
using fanout::fetch::request_pacer;
using time_point = request_pacer::clock::time_point;

constexpr time_point pacing_start{10h};

/// 100 a second for two seconds.
time_point accept_some(request_pacer& pacer, time_point now = pacing_start) {
  for (int i = 0; i < 200; ++i, now += 10ms) {
    pacer.started(now);
    pacer.accepted(now);
  }
  return now;
}

TEST(request_pacer, spaces_nothing_before_the_first_refusal) {
  request_pacer pacer;
  const auto now = accept_some(pacer);
  EXPECT_LT(pacer.next_start(), pacing_start);
  EXPECT_EQ(pacer.rate(), 0);
  pacer.started(now);
  EXPECT_LT(pacer.next_start(), pacing_start);
}

TEST(request_pacer, goes_on_with_nine_tenths_of_what_was_taken) {
  request_pacer pacer;
  const auto now = accept_some(pacer);
  pacer.refused(now, now);
  EXPECT_NEAR(pacer.rate(), 90, 5);
  EXPECT_GT(pacer.next_start(), now);
  const double rate = pacer.rate();
  pacer.refused(now - 1ms, now + 1ms);
  EXPECT_EQ(pacer.rate(), rate) << "it was sent before the cut";
}

TEST(request_pacer, tries_more_every_two_seconds_and_less_often_where_that_was_too_much) {
  request_pacer pacer;
  auto now = accept_some(pacer);
  pacer.refused(now, now);
  auto rate = pacer.rate();
  pacer.started(now + 1'999ms);
  EXPECT_EQ(pacer.rate(), rate);
  pacer.started(now + 2s);
  EXPECT_DOUBLE_EQ(pacer.rate(), rate * 1.04);
  for (const auto wait : {4s, 8s, 16s, 32s, 32s}) {
    now += 100s;
    now = accept_some(pacer, now);
    pacer.refused(now, now);
    rate = pacer.rate();
    pacer.started(now + wait - 1ms);
    EXPECT_EQ(pacer.rate(), rate);
    pacer.started(now + wait);
    EXPECT_DOUBLE_EQ(pacer.rate(), rate * 1.04);
    now += wait;
  }
}

TEST(request_pacer, a_server_that_takes_nothing_is_asked_now_and_then) {
  request_pacer pacer;
  auto now = pacing_start;
  for (int i = 0; i < 20; ++i) {
    pacer.started(now);
    pacer.refused(now, now);
    EXPECT_GT(pacer.rate(), 0);
    EXPECT_LE(pacer.next_start(), now + 60s);
    now = pacer.next_start();
  }
}

TEST(request_pacer, heeds_retry_after_of_any_request) {
  request_pacer pacer;
  const auto now = accept_some(pacer);
  pacer.refused(now, now);
  pacer.refused(now - 1s, now, 30s);
  EXPECT_EQ(pacer.next_start(), now + 30s);
}

}  // namespace
