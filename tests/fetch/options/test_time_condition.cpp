#include "fetch/options/time_condition.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <stdexcept>

namespace {

using namespace fanout::fetch;
using fanout_test::temporary_directory;

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
