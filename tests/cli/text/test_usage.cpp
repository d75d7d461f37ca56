#include "cli/text/usage.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace fanout::cli {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// What is said about a command line of a tool with two commands.
std::string said_of(const std::string& line) {
  CLI::App app("", "tool");
  int timeout = 0;
  std::string list;
  CLI::App* const fetch = app.add_subcommand("fetch");
  fetch->add_option("--timeout", timeout);
  fetch->add_option("-i,--input", list);
  app.add_subcommand("serve");
  try {
    app.parse(line, false);
  } catch (const CLI::ParseError& failed) {
    return explain(app, failed);
  }
  return "it was accepted";
}

TEST(usage, an_option_that_is_nearly_one_has_a_suggestion) {
  EXPECT_EQ(said_of("fetch --tiemout 3"),
            "tool fetch: unknown option '--tiemout'; did you mean --timeout?\ntool fetch --help says more\n");
  EXPECT_THAT(said_of("fetch --time=3"), HasSubstr("unknown option '--time=3'; did you mean --timeout?"));
  EXPECT_THAT(said_of("fetch --inpt x"), HasSubstr("did you mean --input?"));
}

TEST(usage, an_option_that_is_none_is_told_with_those_there_are) {
  for (const char* const line : {"fetch --bogus", "fetch -x"})
    EXPECT_THAT(said_of(line), AllOf(HasSubstr("accepted: "), HasSubstr("--timeout"), HasSubstr("--input"),
                                     Not(HasSubstr("did you mean"))));
}

TEST(usage, many_options_are_left_to_the_help) {
  CLI::App app("", "tool");
  for (int i = 0; i < 30; ++i) app.add_option("--many-" + std::to_string(i));
  try {
    app.parse("--bogus", false);
    FAIL();
  } catch (const CLI::ParseError& failed) {
    EXPECT_EQ(explain(app, failed), "tool: unknown option '--bogus'\ntool --help says more\n");
  }
}

TEST(usage, names_the_command_that_was_meant) {
  EXPECT_THAT(said_of("fetsh"), StartsWith("tool: unknown command 'fetsh'; did you mean fetch?\n"));
  EXPECT_THAT(said_of("sevre"), StartsWith("tool: unknown command 'sevre'; did you mean serve?\n"));
  EXPECT_THAT(said_of("bogus"), StartsWith("tool: unknown command 'bogus'; accepted: fetch, serve\n"));
  EXPECT_THAT(said_of("fetch extra"), StartsWith("tool fetch: unexpected argument 'extra'; accepted: "));
  EXPECT_THAT(said_of("--bogus fetch --timeout 3"), StartsWith("tool: unknown option '--bogus'"))
      << "what precedes the command is the tool's";
  EXPECT_THAT(said_of("fetch --timeout soon"),
              AllOf(StartsWith("tool fetch: "), HasSubstr("soon"), EndsWith("\ntool fetch --help says more\n")));
}

TEST(usage, a_command_line_without_a_command_is_told_which_there_are) {
  CLI::App app("", "tool");
  app.add_subcommand("fetch");
  app.add_subcommand("serve");
  EXPECT_EQ(explain_missing_command(app),
            "tool: a command is missing; accepted: fetch, serve\ntool --help says more\n");
}

}  // namespace
}  // namespace fanout::cli
