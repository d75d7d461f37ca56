#include "cli/text/units.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

using namespace fanout::cli;
using ::testing::HasSubstr;

TEST(option_units, options_name_themselves_in_errors) {
  const auto message = [](std::vector<std::string> arguments) -> std::string {
    CLI::App app;
    std::chrono::milliseconds latency{};
    std::uint64_t size = 0, count = 0;
    add_duration(app, "-l,--latency", latency, "");
    add_size(app, "--size", size, "");
    add_count(app, "--count", count, {1, 9}, "");
    try {
      app.parse(std::move(arguments));
    } catch (const CLI::ParseError& refused) {
      return refused.what();
    }
    return "accepted " + std::to_string(latency.count()) + " " + std::to_string(size) + " " + std::to_string(count);
  };
  EXPECT_EQ(message({"4x", "-l"}),
            "--latency: '4x' is not a duration; use a number of seconds, or one with ms, s, m or h, such as 400ms");
  EXPECT_THAT(message({"--size=x"}), HasSubstr("--size: 'x' is not a size"));
  EXPECT_EQ(message({"--count=0"}), "--count: '0' is not a number from 1 to 9");
  EXPECT_EQ(message({"--count=3", "--size=1KiB", "--latency=2s"}), "accepted 2000 1024 3");
}

}  // namespace
