#include "cli/text/command_text.hpp"

#include <gmock/gmock.h>

namespace {

using namespace fanout::cli;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

/// A tool with one command that has every kind of option.
struct a_tool {
  static CLI::App& add_fetch(CLI::App& to) {
    use_help_text(to);
    return *to.add_subcommand("fetch", "Fetch URLs");
  }
  a_tool() {
    app.set_version_flag("-V,--version", "1");
    // By a function, whose type has no size.
    const auto take = [this](const std::vector<std::string>& given) {
      urls = given;
      return true;
    };
    fetch.add_option("URL", take, "What to fetch")->expected(-1);
    fetch.add_option("-o,--output", output, "File for what was fetched")->type_name("FILE")->group("Output");
    fetch.add_option("-j,--jobs", jobs, "Tasks in flight")->type_name("N")->capture_default_str()->group("Limits");
    fetch.add_flag("-q,--quiet", quiet, "Print nothing")->group("Output");
    fetch.add_flag("--no-op", nothing, "Accepted")->group("");
    fetch.footer("Exit status: 0");
  }

  CLI::App app{"Does things", "tool"};
  CLI::App& fetch = add_fetch(app);
  std::vector<std::string> urls;
  std::string output;
  int jobs = 5;
  bool quiet = false, nothing = false;
};

TEST(command_text, has_arguments_options_by_group_and_commands) {
  const a_tool tool;
  const command_text text = describe(tool.fetch);
  EXPECT_EQ(text.name, "tool fetch");
  EXPECT_EQ(text.summary, "Fetch URLs");
  ASSERT_EQ(text.arguments.size(), 1U);
  EXPECT_THAT(text.arguments[0].names, ElementsAre("URL..."));
  ASSERT_EQ(text.groups.size(), 3U) << "help, output and limits; what has no group is not described";
  EXPECT_EQ(text.groups[1].heading, "Output");
  ASSERT_EQ(text.groups[1].options.size(), 2U);
  EXPECT_THAT(text.groups[1].options[0].names, ElementsAre("-o", "--output"));
  EXPECT_EQ(text.groups[1].options[0].value, "FILE");
  EXPECT_EQ(text.groups[1].options[1].value, "") << "a flag takes none";
  EXPECT_EQ(text.groups[2].options[0].default_value, "5");
  const command_text whole = describe(tool.app);
  ASSERT_EQ(whole.commands.size(), 1U);
  EXPECT_EQ(whole.commands[0].name, "tool fetch");
}

TEST(command_text, usage_names_what_can_follow) {
  const a_tool tool;
  EXPECT_EQ(usage_line(describe(tool.app)), "usage: tool COMMAND [OPTION]...");
  EXPECT_EQ(usage_line(describe(tool.fetch)), "usage: tool fetch [OPTION]... [URL...]");
}

TEST(command_text, help_has_everything_once_and_defaults) {
  const a_tool tool;
  const std::string help = help_text(describe(tool.fetch), 80, false);
  EXPECT_THAT(help, HasSubstr("\nOutput:\n  -o, --output FILE         File for what was fetched\n"));
  EXPECT_THAT(help, HasSubstr("Tasks in flight [5]\n"));
  EXPECT_THAT(help, HasSubstr("Exit status: 0\n"));
  EXPECT_THAT(help, Not(HasSubstr("--no-op")));
  EXPECT_THAT(help, Not(HasSubstr("\x1b")));
}

TEST(command_text, no_line_is_wider_than_asked_for_at_any_width) {
  a_tool tool;
  tool.fetch.add_flag("--long", tool.nothing,
                      "An explanation of many words that does not fit into one line of a terminal, nor into two, since "
                      "it goes on and on");
  tool.fetch.footer("Exit status: 0 all succeeded, 1 some failed, 2 usage or input error, and so on\n  as it is");
  const command_text text = describe(tool.fetch);
  for (std::size_t width = 40; width <= 120; ++width) {
    std::istringstream lines(help_text(text, width, false));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), width) << line;
  }
  EXPECT_EQ(help_text(text, 3, false), help_text(text, 40, false)) << "there is a least width";
}

TEST(command_text, names_are_bold_on_request_alone) {
  const a_tool tool;
  EXPECT_THAT(help_text(describe(tool.fetch), 80, true), HasSubstr("\x1b[1m-o, --output FILE\x1b[0m"));
}

TEST(command_text, words_are_wrapped_and_none_is_lost) {
  EXPECT_THAT(wrapped("one two  three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(wrapped("a-word-that-is-too-long b", 5), ElementsAre("a-word-that-is-too-long", "b"));
  EXPECT_THAT(wrapped("", 5), ElementsAre());
  EXPECT_THAT(wrapped("  ", 5), ElementsAre());
}

TEST(command_text, is_what_the_parser_prints) {
  const a_tool tool;
  EXPECT_EQ(tool.fetch.help(), help_text(describe(tool.fetch), 80, false)) << "standard output is no terminal here";
}

}  // namespace
