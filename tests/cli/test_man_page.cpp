#include "cli/man_page.hpp"

#include <gmock/gmock.h>

namespace {

using namespace fanout::cli;
using ::testing::HasSubstr;

command_text a_command() {
  return {.name = "tool fetch",
          .summary = "Fetch URLs",
          .arguments = {{.names = {"URL"}, .value = "TEXT", .help = "What to fetch", .default_value = {}}},
          .groups = {{.heading = "Output",
                      .options = {{.names = {"-o", "--output"},
                                   .value = "FILE",
                                   .help = ".dot first, C:\\x",
                                   .default_value = "-"},
                                  {.names = {"-q"}, .value = {}, .help = "'quoted'", .default_value = {}}}}},
          .commands = {},
          .footer = "Exit status: 0\n.not a request"};
}

TEST(man_page, has_the_sections_that_man_expects) {
  const std::string page = man_page(a_command(), "1.2");
  EXPECT_THAT(page, ::testing::StartsWith(".TH \"TOOL\\-FETCH\" 1 \"\" \"fanout 1.2\""));
  EXPECT_THAT(page, HasSubstr("\n.SH NAME\ntool\\-fetch \\- Fetch URLs\n"));
  EXPECT_THAT(page, HasSubstr("\n.SH SYNOPSIS\n\\fBtool fetch [OPTION]"));
  EXPECT_THAT(page, HasSubstr("\n.SS Output\n.TP\n\\fB\\-o\\fR, \\fB\\-\\-output\\fR \\fIFILE\\fR\n"));
  EXPECT_THAT(page, HasSubstr("[default: \\-]"));
}

TEST(man_page, no_text_is_taken_for_a_request) {
  const std::string page = man_page(a_command(), "1.2");
  EXPECT_THAT(page, HasSubstr("\n\\&.dot first, C:\\ex [default"));
  EXPECT_THAT(page, HasSubstr("\n\\&'quoted'\n"));
  EXPECT_THAT(page, HasSubstr("\n\\&.not a request\n"));
}

TEST(man_page, of_a_tool_names_the_pages_of_its_commands) {
  command_text tool{
      .name = "tool", .summary = "Does things", .arguments = {}, .groups = {}, .commands = {}, .footer = {}};
  tool.commands.push_back(a_command());
  EXPECT_THAT(man_page(tool, "1"), HasSubstr("\n.SH COMMANDS\n.TP\n\\fBtool\\-fetch\\fR(1)\nFetch URLs\n"));
}

}  // namespace
