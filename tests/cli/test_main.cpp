// What the tool does before and after its commands.

#include <fanout/origin/background.hpp>

#include "cli/fetch_support.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace fanout::cli::testing;
using fanout_test::read_file;
using fanout_test::temporary_directory;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

ended run_tool(std::vector<std::string> arguments) {
  child started(tool, std::move(arguments));
  started.close_input();
  std::string output = started.rest_of_output(), errors = started.rest_of_errors();
  return {started.wait(), std::move(output), std::move(errors)};
}

TEST(the_tool, names_its_commands_where_none_or_an_unknown_one_is_given) {
  const ended none = run_tool({});
  EXPECT_EQ(none.status, 2);
  EXPECT_THAT(none.errors, AllOf(StartsWith("fanout: a command is missing"), HasSubstr("fetch"), HasSubstr("compare"),
                                 HasSubstr("serve"), HasSubstr("curl"), HasSubstr("fanout --help says more")));
  const ended unknown = run_tool({"fetsh"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_THAT(unknown.errors, AllOf(StartsWith("fanout: unknown command 'fetsh'"), HasSubstr("fetch")));
  EXPECT_EQ(none.output + unknown.output, "");
}

TEST(the_tool, raises_its_limit_of_open_files_to_the_hard_one) {
  child served("/bin/sh", {"-c", "ulimit -S -n 64; exec \"$0\" serve --port 0 --until-eof", tool});
  EXPECT_THAT(served.read_line(), HasSubstr("listening on"));
  std::ifstream limits("/proc/" + std::to_string(served.pid()) + "/limits");
  std::string soft, hard;
  for (std::string line; std::getline(limits, line);)
    if (line.starts_with("Max open files")) std::istringstream(line.substr(14)) >> soft >> hard;
  EXPECT_NE(soft, "64");
  EXPECT_EQ(soft, hard);
  served.close_input();
  EXPECT_EQ(served.wait(), 0);
}

TEST(the_tool, closed_descriptors_are_errors_or_silence_and_nothing_worse) {
  const fanout::origin::background origin;
  const temporary_directory directory;
  const auto url = [&](int bytes) { return origin.url("/bytes/" + std::to_string(bytes)); };
  const std::string file = directory / "records";
  EXPECT_EQ(fetch({url(5), url(6)}, "", {.output = "closed"}).status, 3);
  EXPECT_EQ(fetch({url(5)}, "", {.output = "closed"}).status, 3);
  EXPECT_EQ(fetch({url(5), url(6), "-o", file}, "", {.input = "closed", .output = "closed", .errors = "closed"}).status,
            0);
  EXPECT_EQ(records(read_file(file)).size(), 2u);
  EXPECT_EQ(fetch({url(5), url(6), "--bogus"}, "", {.errors = "/dev/full"}).status, 2);
  EXPECT_EQ(fetch({url(5), url(6)}, "", {.errors = "/dev/full"}).status, 0);
  EXPECT_EQ(fetch({url(5), url(6), "-s", "nope"}, "", {.errors = "closed"}).status, 2);
}

}  // namespace
