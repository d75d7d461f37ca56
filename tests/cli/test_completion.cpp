#include "cli/completion.hpp"

#include <gmock/gmock.h>

#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace {

using namespace fanout::cli;
using ::testing::HasSubstr;

command_text a_whole_tool() {
  command_text fetch{
      .name = "fanout fetch",
      .summary = "Fetch URLs: don't wait",
      .arguments = {},
      .groups =
          {{.heading = "Options",
            .options =
                {{.names = {"-o", "--output"}, .value = "FILE", .help = "Where [to]: a file", .default_value = {}},
                 {.names = {"-s", "--shape"}, .value = "SHAPE", .help = "How", .default_value = {}},
                 {.names = {"-m", "--max-time"}, .value = "DURATION", .help = "Limit", .default_value = {}},
                 {.names = {"-q"}, .value = {}, .help = "Quiet", .default_value = {}}}}},
      .commands = {},
      .footer = {}};
  command_text tool{
      .name = "fanout", .summary = "Does things", .arguments = {}, .groups = {}, .commands = {}, .footer = {}};
  tool.commands.push_back(std::move(fetch));
  return tool;
}

/// What bash completes "fanout WORDS…" to, sorted by bash.
std::string completed(const std::string& words) {
  const std::string script = ::testing::TempDir() + "completion." + std::to_string(::getpid());
  std::ofstream(script) << bash_completion(a_whole_tool()) << R"sh(
COMP_WORDS=(fanout "$@")
COMP_CWORD=$#
_fanout 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' '
)sh";
  FILE* pipe = ::popen(("bash " + script + " " + words).c_str(), "r");
  std::string printed;
  for (int each = 0; (each = std::fgetc(pipe)) != EOF;) printed += static_cast<char>(each);
  EXPECT_EQ(::pclose(pipe), 0);
  std::remove(script.c_str());
  return printed;
}

TEST(completion, bash_completes_commands_options_and_values) {
  EXPECT_EQ(completed("fe"), "fetch ");
  EXPECT_EQ(completed("fetch --"), "--max-time --output --shape ");
  EXPECT_EQ(completed("fetch -s a"), "async: auto ");
  EXPECT_EQ(completed("fetch -m ''"), " ") << "a time is nothing to complete";
  EXPECT_EQ(completed("nonsense --"), " ");
}

TEST(completion, bash_completes_files_where_a_file_is_due) {
  const std::string name = ::testing::TempDir() + "completion-file-" + std::to_string(::getpid());
  std::ofstream(name) << "x";
  EXPECT_EQ(completed("fetch -o " + name.substr(0, name.size() - 1)), name + " ");
  EXPECT_EQ(completed("fetch " + name.substr(0, name.size() - 1)), name + " ");
  std::remove(name.c_str());
}

TEST(completion, zsh_has_each_name_with_what_it_takes) {
  const std::string script = zsh_completion(a_whole_tool());
  EXPECT_THAT(script, ::testing::StartsWith("#compdef fanout\n"));
  EXPECT_THAT(script, HasSubstr("'*--output[Where \\[to\\]\\: a file]:FILE:_files'"));
  EXPECT_THAT(script, HasSubstr("'*-m[Limit]:DURATION: '"));
  EXPECT_THAT(script, HasSubstr("'*-q[Quiet]'"));
  EXPECT_THAT(script, HasSubstr("'fetch:Fetch URLs: don'\\''t wait'"));
}

TEST(completion, fish_has_each_option_with_what_it_takes) {
  const std::string script = fish_completion(a_whole_tool());
  EXPECT_THAT(script, HasSubstr("-f -a fetch -d 'Fetch URLs: don'\\''t wait'"));
  EXPECT_THAT(script, HasSubstr("'__fish_seen_subcommand_from fetch' -s o -l output -r -F -d 'Where [to]: a file'"));
  EXPECT_THAT(script, HasSubstr("-s q -d 'Quiet'"));
}

}  // namespace
