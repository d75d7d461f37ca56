#include <fanout/fetch/retry_policy.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

namespace {

using namespace std::chrono_literals;
using fanout::fetch::parse_retry_after;
using fanout::fetch::retry_after_of;

const auto asked_at = std::chrono::system_clock::from_time_t(784'111'777);  // Sun, 06 Nov 1994 08:49:37 GMT

TEST(retry_after, takes_seconds_and_the_three_forms_of_a_date) {
  EXPECT_EQ(parse_retry_after("120", asked_at), 120s);
  EXPECT_EQ(parse_retry_after(" 0 ", asked_at), 0s);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", asked_at), 60s);
  EXPECT_EQ(parse_retry_after("Sunday, 06-Nov-94 08:50:37 GMT", asked_at), 60s);
  EXPECT_EQ(parse_retry_after("Sun Nov  6 08:50:37 1994", asked_at), 60s);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:36 GMT", asked_at), 0s) << "it has passed";
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:38 GMT", asked_at + 1ms), 999ms);
}

TEST(retry_after, is_a_day_at_most) {
  EXPECT_EQ(parse_retry_after("100000", asked_at), 24h);
  EXPECT_EQ(parse_retry_after(std::string(400, '9'), asked_at), 24h);
  EXPECT_EQ(parse_retry_after("Fri, 06 Nov 2026 08:50:37 GMT", asked_at), 24h);
}

TEST(retry_after, anything_else_is_none) {
  for (const char* const value : {"", " ", "-1", "1.5", "1s", "soon", "Sun, 06 Nov 1994 08:50:37 CET",
                                  "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:50:37 GMT+1"})
    EXPECT_EQ(parse_retry_after(value, asked_at), std::nullopt) << value;
}

TEST(retry_after, counts_a_date_from_the_date_of_the_response) {
  const fanout::http::headers an_hour_before_this_century{{"Date", "Sun, 06 Nov 1994 08:49:37 GMT"},
                                                          {"Retry-After", "Sun, 06 Nov 1994 08:50:37 GMT"}};
  EXPECT_EQ(retry_after_of(an_hour_before_this_century), 60s);
  EXPECT_EQ(retry_after_of({{"Retry-After", "Sun, 06 Nov 1994 08:50:37 GMT"}}), 0s) << "it has passed by this clock";
  EXPECT_EQ(retry_after_of({{"Date", "today"}, {"Retry-After", "7"}}), 7s);
  EXPECT_EQ(retry_after_of({{"Date", "Sun, 06 Nov 1994 08:49:37 GMT"}}), std::nullopt);
}

}  // namespace
