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
  const auto plain = [](const char* name, std::vector<option_text> arguments, std::vector<option_text> options) {
    return command_text{.name = name,
                        .summary = "Does it",
                        .arguments = std::move(arguments),
                        .groups = {{.heading = "Options", .options = std::move(options)}},
                        .commands = {},
                        .footer = {}};
  };
  const auto argument = [](const char* name) {
    return option_text{.names = {name}, .value = {}, .help = "What", .default_value = {}};
  };
  tool.commands.push_back(plain("fanout compare", {argument("WORKLOAD...")},
                                {{.names = {"--shapes"}, .value = "SHAPE,...", .help = "Which", .default_value = {}}}));
  tool.commands.push_back(plain("fanout help", {argument("COMMAND")}, {}));
  tool.commands.push_back(plain("fanout completion", {argument("SHELL")}, {}));
  command_text job = plain("fanout job", {}, {});
  job.commands.push_back(
      plain("fanout job split", {}, {{.names = {"--into"}, .value = "FILE", .help = "To", .default_value = {}}}));
  job.commands.push_back(plain("fanout job show", {}, {}));
  tool.commands.push_back(std::move(job));
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

TEST(completion, bash_completes_arguments_that_are_words) {
  EXPECT_EQ(completed("help f"), "fetch ");
  EXPECT_EQ(completed("completion ''"), "bash fish zsh ");
  EXPECT_THAT(completed("compare m"), HasSubstr("memory mixed "));
}

TEST(completion, bash_completes_commands_of_commands_and_their_options) {
  EXPECT_EQ(completed("job ''"), "show split ");
  EXPECT_EQ(completed("job sp"), "split ");
  EXPECT_EQ(completed("job split --"), "--into ");
  EXPECT_EQ(completed("job show --"), " ");
}

TEST(completion, bash_completes_values_after_an_equals_sign_and_in_lists) {
  EXPECT_EQ(completed("fetch --shape ="), "async: auto hybrid: processes: sync threads: ");
  EXPECT_EQ(completed("fetch --shape = as"), "async: ");
  EXPECT_EQ(completed("compare --shapes sy"), "sync ");
  EXPECT_EQ(completed("compare --shapes sync,threads:2,thr"), "sync,threads:2,threads: ");
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

TEST(completion, zsh_has_words_and_commands_of_commands) {
  const std::string script = zsh_completion(a_whole_tool());
  EXPECT_THAT(script, HasSubstr("'*:argument:(fetch compare help completion job)'"));
  EXPECT_THAT(script, HasSubstr("'*:argument:(bash zsh fish)'"));
  EXPECT_THAT(script, HasSubstr("_alternative \"words:argument:(io cpu mixed memory lock urls)\" files:file:_files"));
  EXPECT_THAT(script, HasSubstr("'split:Does it'"));
}

TEST(completion, zsh_and_fish_complete_each_element_of_a_list) {
  EXPECT_THAT(zsh_completion(a_whole_tool()),
              HasSubstr("--shapes[Which]:SHAPE,...:_sequence compadd -S \"\" - sync threads\\: async\\: "));
  EXPECT_THAT(fish_completion(a_whole_tool()), HasSubstr("-l shapes -x -a '(__fish_complete_list , \"string split "));
}

TEST(completion, fish_has_words_and_commands_of_commands) {
  const std::string script = fish_completion(a_whole_tool());
  EXPECT_THAT(script, HasSubstr("from completion' -f -a 'bash zsh fish'"));
  EXPECT_THAT(script, HasSubstr("from compare' -a 'io cpu mixed memory lock urls'"));
  EXPECT_THAT(script, HasSubstr("from job; and not __fish_seen_subcommand_from split show' -f -a split"));
  EXPECT_THAT(script, HasSubstr("from job; and __fish_seen_subcommand_from split' -l into -r -F"));
}

TEST(completion, fish_has_each_option_with_what_it_takes) {
  const std::string script = fish_completion(a_whole_tool());
  EXPECT_THAT(script, HasSubstr("-f -a fetch -d 'Fetch URLs: don'\\''t wait'"));
  EXPECT_THAT(script, HasSubstr("'__fish_seen_subcommand_from fetch' -s o -l output -r -F -d 'Where [to]: a file'"));
  EXPECT_THAT(script, HasSubstr("-s q -d 'Quiet'"));
}

}  // namespace
