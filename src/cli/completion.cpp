#include "cli/completion.hpp"

#include "cli/text/shell_quoted.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <vector>

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
    if (name == "--shape" || name == "--shapes") return "sync threads: async: processes: hybrid: auto";
  return {};
}

/// Whether its value is a list with commas.
bool takes_list(const option_text& option) {
  return std::ranges::find(option.names, "--shapes") != option.names.end();
}

std::string names_of(const std::vector<command_text>& commands) {
  std::string names;
  for (const command_text& each : commands) {
    if (!names.empty()) names += ' ';
    names += last_word(each.name);
  }
  return names;
}

/// What arguments can be. Without words, and where there may be others, they are names of files.
struct argument_values {
  std::string words;
  bool others = true;
};

argument_values arguments_of(const command_text& tool, const command_text& command) {
  if (!command.commands.empty()) return {names_of(command.commands), false};
  for (const option_text& each : command.arguments)
    for (const std::string& name : each.names) {
      if (name.starts_with("COMMAND")) return {names_of(tool.commands), false};
      if (name.starts_with("SHELL")) return {"bash zsh fish", false};
      if (name.starts_with("WORKLOAD")) return {"io cpu mixed memory lock urls", true};
    }
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

/// The part of bash's script for a command without commands, under `pattern`.
std::string bash_case(const command_text& tool, const command_text& command, const std::string& pattern) {
  std::string all, with_files, with_words, with_text;
  for_each_option(command, [&](const option_text& each) {
    const std::string names = fmt::format("{}", fmt::join(each.names, "|"));
    for (const std::string& one : each.names) all += (all.empty() ? "" : " ") + one;
    if (each.value.empty()) return;
    if (const auto values = values_of(each); !values.empty())
      with_words +=
          fmt::format("        {}) {}COMPREPLY=($(compgen {}-W '{}' -- \"$current\")); compopt -o nospace; return ;;\n",
                      names, takes_list(each) ? "before=${current%\"${current##*,}\"} current=${current##*,}; " : "",
                      takes_list(each) ? "-P \"$before\" " : "", values);
    else if (takes_file(each))
      with_files += (with_files.empty() ? "" : "|") + names;
    else
      with_text += (with_text.empty() ? "" : "|") + names;
  });
  const auto [words, others] = arguments_of(tool, command);
  std::string made = fmt::format("    {})\n      options='{}' words='{}' files={}\n      case $previous in\n{}",
                                 pattern, all, words, others ? "-f" : "", with_words);
  if (!with_files.empty())
    made += fmt::format("        {}) COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n", with_files);
  if (!with_text.empty()) made += fmt::format("        {}) return ;;\n", with_text);
  return made + "      esac ;;\n";
}

/// The part of zsh's script for a command without commands.
std::string zsh_arguments(const command_text& tool, const command_text& command) {
  std::string made = "      _arguments \\\n";
  for_each_option(command, [&](const option_text& each) {
    std::string action;
    if (const auto values = values_of(each); !values.empty())
      action =
          fmt::format(":{}:{}{}{}", for_arguments(each.value), takes_list(each) ? "_sequence compadd -S \"\" - " : "(",
                      for_arguments(std::string(values)), takes_list(each) ? "" : ")");
    else if (takes_file(each))
      action = fmt::format(":{}:_files", each.value);
    else if (!each.value.empty())
      action = fmt::format(":{}: ", for_arguments(each.value));
    for (const std::string& one : each.names)
      made += fmt::format("        {} \\\n",
                          shell_quoted(fmt::format("*{}[{}]{}", one, for_arguments(brief(each.help)), action)));
  });
  const auto [words, others] = arguments_of(tool, command);
  if (words.empty()) return made + "        '*:argument:_files' ;;\n";
  if (!others) return made + fmt::format("        '*:argument:({})' ;;\n", words);
  return made +
         fmt::format("        '*:argument:{{_alternative \"words:argument:({})\" files:file:_files}}' ;;\n", words);
}

std::string zsh_described(const std::vector<command_text>& commands) {
  std::string described;
  for (const command_text& each : commands)
    described += fmt::format("    {}\n", shell_quoted(fmt::format("{}:{}", last_word(each.name), brief(each.summary))));
  return described;
}

/// What fish completes each element of a list with commas to.
std::string fish_list_of(std::string_view values) {
  return fmt::format("(__fish_complete_list , \"string split ' ' '{}'\")", values);
}

/// fish's lines for the options of a command, and its arguments, where `when` holds.
std::string fish_lines(const command_text& tool, const command_text& command, const std::string& when) {
  std::string lines;
  for_each_option(command, [&](const option_text& each) {
    lines += fmt::format("complete -c fanout -n '{}'", when);
    for (const std::string& one : each.names)
      lines += one.starts_with("--") ? " -l " + one.substr(2) : " -s " + one.substr(1);
    if (const auto values = values_of(each); !values.empty())
      lines += fmt::format(" -x -a {}", shell_quoted(takes_list(each) ? fish_list_of(values) : std::string(values)));
    else if (takes_file(each))
      lines += " -r -F";
    else if (!each.value.empty())
      lines += " -x";
    lines += fmt::format(" -d {}\n", shell_quoted(brief(each.help)));
  });
  const auto [words, others] = arguments_of(tool, command);
  if (!words.empty() && command.commands.empty())
    lines += fmt::format("complete -c fanout -n '{}'{} -a {}\n", when, others ? "" : " -f", shell_quoted(words));
  return lines;
}

}  // namespace

std::string bash_completion(const command_text& tool) {
  std::string cases;
  for (const command_text& command : tool.commands) {
    const std::string name = last_word(command.name);
    for (const command_text& inner : command.commands)
      cases += bash_case(tool, inner, fmt::format("'{} {}'", name, last_word(inner.name)));
    cases += bash_case(tool, command, fmt::format("'{} '*", name));
  }
  return fmt::format(R"sh(# Completes command lines of fanout in bash.
_fanout() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} before= options= words= files=-f
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '{} --help --version' -- "$current"))
    return
  fi
  # --option=value is three words.
  if [[ $previous == = ]]; then
    previous=${{COMP_WORDS[COMP_CWORD-2]}}
  elif [[ $current == = ]]; then
    current=
  fi
  local command="${{COMP_WORDS[1]}} "
  ((COMP_CWORD > 2)) && command+=${{COMP_WORDS[2]}}
  case $command in
{}  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  else
    COMPREPLY=($(compgen $files -W "$words" -- "$current"))
  fi
}}
complete -o filenames -F _fanout fanout
)sh",
                     names_of(tool.commands), cases);
}

std::string zsh_completion(const command_text& tool) {
  std::string cases;
  for (const command_text& command : tool.commands) {
    cases += fmt::format("    {})\n", last_word(command.name));
    if (command.commands.empty()) {
      cases += zsh_arguments(tool, command);
      continue;
    }
    cases += fmt::format(
        "      if ((CURRENT == 2)); then\n  commands=(\n{}  )\n        _describe command commands\n        return\n"
        "      fi\n      command=$words[2]\n      shift words\n      ((CURRENT--))\n      case $command in\n",
        zsh_described(command.commands));
    for (const command_text& inner : command.commands)
      cases += fmt::format("    {})\n{}", last_word(inner.name), zsh_arguments(tool, inner));
    cases += "      esac ;;\n";
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
                     zsh_described(tool.commands), cases);
}

std::string fish_completion(const command_text& tool) {
  std::string lines = "# Completes command lines of fanout in fish.\n";
  for (const command_text& command : tool.commands) {
    const std::string name = last_word(command.name);
    const std::string after = fmt::format("__fish_seen_subcommand_from {}", name);
    lines += fmt::format("complete -c fanout -n __fish_use_subcommand -f -a {} -d {}\n", name,
                         shell_quoted(brief(command.summary)));
    const std::string inner_names = names_of(command.commands);
    for (const command_text& inner : command.commands) {
      const std::string inner_name = last_word(inner.name);
      lines += fmt::format("complete -c fanout -n '{}; and not __fish_seen_subcommand_from {}' -f -a {} -d {}\n", after,
                           inner_names, inner_name, shell_quoted(brief(inner.summary)));
      lines += fish_lines(tool, inner, fmt::format("{}; and __fish_seen_subcommand_from {}", after, inner_name));
    }
    lines += fish_lines(tool, command, after);
  }
  return lines;
}

}  // namespace fanout::cli
