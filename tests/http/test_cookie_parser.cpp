// The Set-Cookie header taken apart. Dates in all their forms, and what a jar makes of it, are in test_cookies.cpp.
#include "http/cookies/cookie_parser.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace {

using namespace fanout::http;
using namespace std::chrono_literals;
using namespace std::literals;

constexpr std::chrono::sys_seconds received_at{1'700'000'000s};

std::optional<set_cookie> parsed(std::string_view header) {
  return parse_set_cookie(header, received_at, 4096);
}

TEST(cookie_parser, name_and_value_without_the_blanks_around_them) {
  const auto plain = parsed("  a =  b c ; Secure");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->name, "a");
  EXPECT_EQ(plain->value, "b c");
  EXPECT_TRUE(plain->secure);
  EXPECT_FALSE(plain->http_only);
  EXPECT_EQ(plain->expires, std::nullopt);
  EXPECT_EQ(parsed("a=b=c")->value, "b=c");
  EXPECT_EQ(parsed("alone")->name, "");
  EXPECT_EQ(parsed("alone")->value, "alone");
}

TEST(cookie_parser, attributes_in_any_case_of_which_the_last_counts) {
  const auto all = parsed("a=b; PATH=/x; domain=.Example.org; HttpOnly; Path=/y; Unknown=z");
  ASSERT_TRUE(all);
  EXPECT_EQ(all->path, "/y");
  EXPECT_EQ(all->domain, "Example.org");
  EXPECT_TRUE(all->http_only);
  EXPECT_EQ(parsed("a=b; Path=relative")->path, "");
}

// RFC 6265bis section 5.6 takes the tab out of the controls that make it ignore a header.
TEST(cookie_parser, a_tab_between_attributes_is_a_blank) {
  const auto all = parsed("\ta\t=\tb\t;\tPath=/x\t;\tSecure\t");
  ASSERT_TRUE(all);
  EXPECT_EQ(all->name, "a");
  EXPECT_EQ(all->value, "b");
  EXPECT_EQ(all->path, "/x");
  EXPECT_TRUE(all->secure);
  EXPECT_FALSE(parsed("a\tb=c")) << "two fields of a file";
  EXPECT_FALSE(parsed("a=b\tc"));
  EXPECT_EQ(parsed("a=b; Path=/x\ty")->path, "");
}

TEST(cookie_parser, an_age_goes_before_a_date_and_neither_beyond_400_days) {
  EXPECT_EQ(parsed("a=b; Max-Age=60; Expires=Thu, 01 Jan 2099 00:00:00 GMT")->expires, received_at + 60s);
  EXPECT_EQ(parsed("a=b; Max-Age=99999999999999")->expires, received_at + longest_cookie_life);
  EXPECT_EQ(parsed("a=b; Expires=Thu, 01 Jan 2099 00:00:00 GMT")->expires, received_at + longest_cookie_life);
  EXPECT_LE(parsed("a=b; Max-Age=0")->expires, received_at);
  EXPECT_EQ(parsed("a=b; Max-Age=soon")->expires, std::nullopt);
}

TEST(cookie_parser, what_is_ignored) {
  EXPECT_FALSE(parsed("="));
  EXPECT_FALSE(parsed(""));
  EXPECT_FALSE(parsed("a=b\x01"));
  EXPECT_FALSE(parsed("a=b\0"sv));
  EXPECT_FALSE(parse_set_cookie("name=value", received_at, 8));
  EXPECT_TRUE(parse_set_cookie("name=value", received_at, 9));
}

}  // namespace
