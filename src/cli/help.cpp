// fanout help, manual and completion: the texts of command_text, and what is made of them.

#include "cli/completion.hpp"
#include "cli/fetch/curl_arguments.hpp"
#include "cli/man_page.hpp"
#include "cli/text/command.hpp"
#include "cli/text/command_text.hpp"
#include "cli/text/messages.hpp"
#include "cli/text/usage.hpp"

#include <cstdio>
#include <memory>
#include <utility>

namespace fanout::cli {
namespace {

/// Adds the argument that names one of the tool's commands.
void add_command_name(CLI::App& to, const CLI::App& tool, std::string& name) {
  const auto check = [&tool](const std::string& given) {
    const bool there = !tool.get_subcommands([&](const CLI::App* each) { return each->get_name() == given; }).empty();
    return there ? "" : unknown_command(tool, given);
  };
  to.add_option("COMMAND", name, "fetch, compare, serve, …; none is the tool itself")->check(CLI::Validator(check, ""));
}

const CLI::App& named(const CLI::App& tool, const std::string& name) {
  return name.empty() ? tool : *tool.get_subcommand(name);
}

/// As `describe`; the command line of curl is not read by CLI11.
command_text described(const CLI::App& about) {
  if (about.get_name() == "curl") return curl_text();
  command_text made = describe(about);
  for (command_text& each : made.commands)
    if (command_text curl = curl_text(); each.name == curl.name) each = std::move(curl);
  return made;
}

/// A command that prints something about the tool or one of its commands.
template <typename Text>
void add_printer(CLI::App& app, std::function<int()>& chosen, const char* name, const char* summary, Text text) {
  CLI::App& command = *app.add_subcommand(name, summary);
  const auto about = std::make_shared<std::string>();
  add_command_name(command, app, *about);
  command.callback(
      [&app, &chosen, about, text] { chosen = [&app, about, text] { return print(text(named(app, *about))); }; });
}

}  // namespace

void add_help(CLI::App& app, std::function<int()>& chosen) {
  CLI::App& completion = *app.add_subcommand("completion", "Print a script that completes command lines in a shell");
  const auto shell = std::make_shared<std::string>();
  completion.add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion.footer("To use it at once: source <(fanout completion bash)");
  completion.callback([&app, &chosen, shell] {
    chosen = [&app, shell] {
      const command_text tool = described(app);
      if (*shell == "bash") return print(bash_completion(tool));
      return print(*shell == "zsh" ? zsh_completion(tool) : fish_completion(tool));
    };
  });
  add_printer(app, chosen, "manual", "Print a man page, for 'man -l -'",
              [](const CLI::App& about) { return man_page(described(about), FANOUT_VERSION); });
  app.require_subcommand(0, 1);  // "fanout help fetch" is one command with an argument, not two
  add_printer(app, chosen, "help", "Print the help of a command",
              [](const CLI::App& about) { return help_for_terminal(described(about)); });
}

}  // namespace fanout::cli
