#include "cli/child.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

namespace {

using fanout::cli::testing::child;
using fanout::cli::testing::redirections;
using ::testing::HasSubstr;

struct told {
  int status;
  std::string output, errors;
};

told ask_the_tool(std::vector<std::string> arguments, const redirections& to = {}) {
  child started(FANOUT_CLI, std::move(arguments), to);
  started.close_input();
  std::string output = to.output.empty() ? started.rest_of_output() : "", errors = started.rest_of_errors();
  return {started.wait(), std::move(output), std::move(errors)};
}

TEST(help, of_each_command_is_the_same_whichever_way_it_is_asked_for) {
  for (const std::string command : {"fetch", "curl", "compare", "serve"}) {
    const told by_option = ask_the_tool({command, "--help"});
    EXPECT_EQ(by_option.status, 0);
    EXPECT_THAT(by_option.output, ::testing::StartsWith("usage: fanout " + command + " [OPTION]..."));
    EXPECT_EQ(ask_the_tool({"help", command}).output, by_option.output);
    EXPECT_EQ(ask_the_tool({command, "-h"}).output, by_option.output);
    EXPECT_THAT(ask_the_tool({"--help"}).output, HasSubstr("\n  " + command + " "));
  }
}

TEST(help, fits_into_eighty_columns_where_no_terminal_says_otherwise) {
  for (const std::string command : {"", "fetch", "curl", "compare", "serve", "completion", "manual"}) {
    std::istringstream lines(
        ask_the_tool(command.empty() ? std::vector<std::string>{"help"} : std::vector<std::string>{"help", command})
            .output);
    for (std::string line; std::getline(lines, line);)
      EXPECT_LE(line.size(), 80U + 2 * std::count(line.begin(), line.end(), '\xe2')) << command << ": " << line;
  }
}

TEST(help, the_version_has_a_short_name) {
  const std::string version = ask_the_tool({"--version"}).output;
  EXPECT_THAT(version, ::testing::MatchesRegex("fanout [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  EXPECT_EQ(ask_the_tool({"-V"}).output, version);
}

TEST(help, of_what_there_is_not_says_what_there_is) {
  const told wrong = ask_the_tool({"help", "fetsh"});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.errors, HasSubstr("unknown command 'fetsh'; did you mean fetch?"));
  EXPECT_THAT(ask_the_tool({"help", "xyzzy"}).errors, ::testing::AllOf(HasSubstr("compare"), HasSubstr("serve")));
  const told no_shell = ask_the_tool({"completion", "tcsh"});
  EXPECT_EQ(no_shell.status, 2);
  EXPECT_THAT(no_shell.errors, ::testing::AllOf(HasSubstr("tcsh"), HasSubstr("fish")));
}

TEST(help, scripts_and_pages_are_made_of_the_same_options) {
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    const told script = ask_the_tool({"completion", shell});
    EXPECT_EQ(script.status, 0);
    EXPECT_THAT(script.output, ::testing::AllOf(HasSubstr("with-headers"), HasSubstr("latency"), HasSubstr("rounds")));
  }
  EXPECT_THAT(ask_the_tool({"completion", "bash"}).output, HasSubstr("fail-early"));
  EXPECT_THAT(ask_the_tool({"manual", "curl"}).output,
              ::testing::AllOf(HasSubstr(".TH \"FANOUT\\-CURL\" 1"), HasSubstr("\\-\\-fail\\-early")));
  const told page = ask_the_tool({"manual", "fetch"});
  EXPECT_THAT(page.output, ::testing::AllOf(HasSubstr(".TH \"FANOUT\\-FETCH\" 1"), HasSubstr("\\-\\-with\\-headers")));
}

TEST(help, that_cannot_be_written_is_an_error) {
  EXPECT_EQ(ask_the_tool({"help", "fetch"}, {.output = "/dev/full"}).status, 3);
  EXPECT_EQ(ask_the_tool({"completion", "bash"}, {.output = "/dev/full"}).status, 3);
}

TEST(help, of_fetch_has_its_options_in_groups_and_ends_with_examples) {
  const told help = ask_the_tool({"help", "fetch"});
  EXPECT_EQ(help.status, 0);
  std::size_t at = 0;
  for (const char* heading : {"Input", "Output", "Concurrency", "Request", "Authentication and cookies", "Response",
                              "Limits and retries", "Connections and names", "Proxy", "TLS", "Examples"}) {
    const std::size_t found = help.output.find(std::string("\n") + heading + ":\n");
    ASSERT_NE(found, help.output.npos) << heading;
    EXPECT_GT(found, at) << heading << " is out of order";
    at = found;
  }
}

}  // namespace
