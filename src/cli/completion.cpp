#include "cli/completion.hpp"

#include "cli/shell_quoted.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>

namespace fanout::cli {
namespace {

std::string last_word(const std::string& name) {
  return name.substr(name.rfind(' ') + 1);
}

template <typename Function>
void for_each_option(const command_text& command, Function function) {
  for (const option_group_text& group : command.groups)
    for (const option_text& each : group.options) function(each);
}

/// What an option's values can be; empty: any text.
std::string_view values_of(const option_text& option) {
  for (const std::string& name : option.names)
    if (name == "--shape") return "sync threads: async: processes: hybrid: auto";
  return {};
}

/// Whether a value is the name of a file. Others that take one, such as -d @FILE, take other texts, too.
bool takes_file(const option_text& option) {
  return option.value == "FILE" || option.value == "DEST" || option.value == "PATH";
}

/// The first sentence or clause, in one line.
std::string brief(const std::string& help) {
  return help.substr(0, help.find_first_of(";.\n"));
}

/// zsh's _arguments gives brackets and colons a meaning.
std::string for_arguments(const std::string& text) {
  std::string safe;
  for (const char each : text) {
    if (each == '[' || each == ']' || each == ':' || each == '\\') safe += '\\';
    safe += each;
  }
  return safe;
}

}  // namespace

std::string bash_completion(const command_text& tool) {
  std::string commands, cases;
  for (const command_text& command : tool.commands) {
    const std::string name = last_word(command.name);
    commands += " " + name;
    std::string all, with_files, with_words, with_text;
    for_each_option(command, [&](const option_text& each) {
      const std::string names = fmt::format("{}", fmt::join(each.names, "|"));
      for (const std::string& one : each.names) all += " " + one;
      if (each.value.empty()) return;
      if (const auto values = values_of(each); !values.empty())
        with_words +=
            fmt::format("        {}) COMPREPLY=($(compgen -W '{}' -- \"$current\")); compopt -o nospace; return ;;\n",
                        names, values);
      else if (takes_file(each))
        with_files += (with_files.empty() ? "" : "|") + names;
      else
        with_text += (with_text.empty() ? "" : "|") + names;
    });
    cases += fmt::format("    {})\n      options='{}'\n      case $previous in\n{}", name,
                         all.empty() ? all : all.substr(1), with_words);
    if (!with_files.empty())
      cases += fmt::format("        {}) COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n", with_files);
    if (!with_text.empty()) cases += fmt::format("        {}) return ;;\n", with_text);
    cases += "      esac ;;\n";
  }
  if (!commands.empty()) commands.erase(0, 1);
  return fmt::format(R"sh(# Completes command lines of fanout in bash.
_fanout() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} options=
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '{} --help --version' -- "$current"))
    return
  fi
  case ${{COMP_WORDS[1]}} in
{}  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}}
complete -o filenames -F _fanout fanout
)sh",
                     commands, cases);
}

std::string zsh_completion(const command_text& tool) {
  std::string described, cases;
  for (const command_text& command : tool.commands) {
    const std::string name = last_word(command.name);
    described += fmt::format("    {}\n", shell_quoted(fmt::format("{}:{}", name, brief(command.summary))));
    cases += fmt::format("    {})\n      _arguments \\\n", name);
    for_each_option(command, [&](const option_text& each) {
      std::string action;
      if (const auto values = values_of(each); !values.empty())
        action = fmt::format(":{}:({})", each.value, for_arguments(std::string(values)));
      else if (takes_file(each))
        action = fmt::format(":{}:_files", each.value);
      else if (!each.value.empty())
        action = fmt::format(":{}: ", for_arguments(each.value));
      for (const std::string& one : each.names)
        cases += fmt::format("        {} \\\n",
                             shell_quoted(fmt::format("*{}[{}]{}", one, for_arguments(brief(each.help)), action)));
    });
    cases += "        '*:argument:_files' ;;\n";
  }
  return fmt::format(R"sh(#compdef fanout
# Completes command lines of fanout in zsh.
local -a commands
if ((CURRENT == 2)); then
  commands=(
{}  )
  _describe command commands
else
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
{}  esac
fi
)sh",
                     described, cases);
}

std::string fish_completion(const command_text& tool) {
  std::string lines = "# Completes command lines of fanout in fish.\n";
  for (const command_text& command : tool.commands) {
    const std::string name = last_word(command.name);
    lines += fmt::format("complete -c fanout -n __fish_use_subcommand -f -a {} -d {}\n", name,
                         shell_quoted(brief(command.summary)));
    for_each_option(command, [&](const option_text& each) {
      lines += fmt::format("complete -c fanout -n '__fish_seen_subcommand_from {}'", name);
      for (const std::string& one : each.names)
        lines += one.starts_with("--") ? " -l " + one.substr(2) : " -s " + one.substr(1);
      if (const auto values = values_of(each); !values.empty())
        lines += fmt::format(" -x -a {}", shell_quoted(values));
      else if (takes_file(each))
        lines += " -r -F";
      else if (!each.value.empty())
        lines += " -x";
      lines += fmt::format(" -d {}\n", shell_quoted(brief(each.help)));
    });
  }
  return lines;
}

}  // namespace fanout::cli
