#include "fetch/text/http_date.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace {

using namespace fanout::fetch;

constexpr const char* of_http[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                   "Sun Nov  6 08:49:37 1994"};

TEST(http_date, the_three_forms_of_http) {
  for (const char* text : of_http) {
    EXPECT_EQ(parse_http_date(text), 784111777) << text;
    EXPECT_EQ(parse_any_date(text), 784111777) << text;
  }
}

TEST(http_date, what_people_write_is_a_date_where_people_write_it) {
  for (const char* text :
       {"06 Nov 1994 08:49:37", "1994-11-06T08:49:37Z", "1994-11-06 08:49:37", "19941106 08:49:37"}) {
    EXPECT_EQ(parse_any_date(text), 784111777) << text;
    EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_any_date("1970-01-02"), 86400);
  EXPECT_EQ(parse_any_date("19700102"), 86400);
}

TEST(http_date, all_else_is_none) {
  for (const char* text : {"", "x", "2026-13-01", "2026-02-30", "Sun, 06 Nov 1994 08:49:37 GMTx", "1994-11-06 25:00:00",
                           "Sun, 31 Feb 1994 08:49:37 GMT"}) {
    EXPECT_EQ(parse_any_date(text), std::nullopt) << text;
    EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
  }
}

TEST(http_date, is_written_as_http_has_it) {
  EXPECT_EQ(http_date(784111777), of_http[0]);
  EXPECT_EQ(parse_http_date(http_date(951782400)), 951782400) << "a leap day";
}

}  // namespace
