#include "fetch/time_condition.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <stdexcept>

namespace {

using namespace fanout::fetch;
using fanout_test::temporary_directory;

TEST(time_condition, dates) {
  // RFC 9110 section 5.6.7 has the first three.
  for (const char* text :
       {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
        "06 Nov 1994 08:49:37", "1994-11-06T08:49:37Z", "1994-11-06 08:49:37", "19941106 08:49:37"})
    EXPECT_EQ(parse_date(text), 784111777) << text;
  EXPECT_EQ(parse_date("1970-01-02"), 86400);
  EXPECT_EQ(parse_date("19700102"), 86400);
  for (const char* text :
       {"", "x", "2026-13-01", "2026-02-30", "Sun, 06 Nov 1994 08:49:37 GMTx", "1994-11-06 25:00:00"})
    EXPECT_EQ(parse_date(text), std::nullopt) << text;
  EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(time_condition, headers) {
  EXPECT_EQ(time_condition("1994-11-06"),
            std::pair(std::string("If-Modified-Since"), std::string("Sun, 06 Nov 1994 00:00:00 GMT")));
  EXPECT_EQ(time_condition("-1994-11-06")->first, "If-Unmodified-Since");
  const temporary_directory directory;
  const std::string path = directory.write("x", "");
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::from_sys(
                                             std::chrono::sys_seconds(std::chrono::seconds(784111777))));
  EXPECT_EQ(time_condition(path)->second, "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(time_condition(directory / "none"), std::nullopt) << "it is fetched the first time";
  EXPECT_THROW(time_condition("2026-13-45"), std::invalid_argument);
  EXPECT_THROW(time_condition(""), std::invalid_argument);
}

}  // namespace
