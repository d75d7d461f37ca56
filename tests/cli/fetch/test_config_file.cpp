#include "cli/fetch/config_file.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <utility>

namespace {

using fanout::cli::config_arguments;
using fanout::cli::parse_config;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(config_file, lines_as_arguments) {
  EXPECT_THAT(parse_config("# a comment\n\n  url = http://a/?b=c#d  \r\ncompressed\n-X PUT\n--max-time:5\nuser:a:b\n"
                           "header \"X: \\\"y\\\\\\t\" rest\ndata = \"\"\n"),
              ElementsAre("--url", "http://a/?b=c#d", "--compressed", "-X", "PUT", "--max-time:5", "--user", "a:b",
                          "--header", "X: \"y\\\t", "--data", ""));
  EXPECT_THAT(parse_config(""), IsEmpty());
}

TEST(config_file, a_quote_that_is_not_closed) {
  try {
    parse_config("a = b\nc = \"d\n\"");
    FAIL();
  } catch (const std::invalid_argument& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("line 2: a quote is not closed"));
  }
}

TEST(config_file, one_that_cannot_be_read) {
  const fanout_test::temporary_directory directory;
  for (const auto& [path, why] :
       {std::pair(directory / "nothing", "No such file"), std::pair(directory / ".", "Is a directory")}) {
    try {
      config_arguments(path);
      FAIL() << path;
    } catch (const std::invalid_argument& refused) {
      EXPECT_THAT(refused.what(), HasSubstr(why)) << path;
    }
  }
}

}  // namespace
