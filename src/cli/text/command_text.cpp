#include "cli/text/command_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string_view>

namespace fanout::cli {
namespace {

constexpr std::size_t indent = 2;
constexpr std::size_t usual_width = 80;
constexpr std::size_t widest = 100;      // longer lines are hard to read
constexpr std::size_t name_column = 28;  // where explanations begin

std::string whole_name(const CLI::App& command) {
  const CLI::App* parent = command.get_parent();
  return parent ? whole_name(*parent) + " " + command.get_name() : command.get_name();
}

option_text describe_option(const CLI::Option& option) {
  option_text text;
  if (option.get_positional())
    text.names.push_back(option.get_name(true) +
                         (option.get_expected_max() > 1 || option.get_allow_extra_args() ? "..." : ""));
  for (const std::string& each : option.get_snames()) text.names.push_back("-" + each);
  for (const std::string& each : option.get_lnames()) text.names.push_back("--" + each);
  if (!option.get_positional() && option.get_type_size() != 0) text.value = option.get_type_name();
  text.help = option.get_description();
  text.default_value = option.get_default_str();
  return text;
}

/// "-H, --header VALUE"
std::string names_and_value(const option_text& option) {
  std::string names = fmt::format("{}", fmt::join(option.names, ", "));
  if (!option.value.empty()) names += " " + option.value;
  return names;
}

std::string explanation(const option_text& option) {
  return option.default_value.empty() ? option.help : fmt::format("{} [{}]", option.help, option.default_value);
}

class help_writer {
 public:
  help_writer(std::size_t width, bool colours) : width_(std::max<std::size_t>(width, 40)), colours_(colours) {}

  void paragraph(const std::string& text) {
    for (const std::string& line : wrapped(text, width_)) text_ += line + "\n";
  }
  void heading(const std::string& text) { text_ += "\n" + bold(text + ":") + "\n"; }

  /// Paragraphs, a line each. Lines that begin with a blank are examples: they stay as they are.
  void text_block(const std::string& text) {
    text_ += "\n";
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.empty() || line.front() == ' ')
        text_ += line + "\n";
      else
        paragraph(line);
    }
  }

  /// A name, and beside it or below it what it means.
  void entry(const std::string& name, const std::string& meaning) {
    const std::size_t column = std::min(name_column, width_ / 2);
    text_ += std::string(indent, ' ') + bold(name);
    std::size_t at = indent + name.size();
    for (const std::string& line : wrapped(meaning, width_ - column)) {
      if (at + 2 > column) {
        text_ += "\n";
        at = 0;
      }
      text_ += std::string(column - at, ' ') + line;
      at = column;  // the next one begins a line
    }
    text_ += "\n";
  }

  std::string text() && { return std::move(text_); }

 private:
  std::string bold(const std::string& text) const { return colours_ ? "\x1b[1m" + text + "\x1b[0m" : text; }

  std::size_t width_;
  bool colours_;
  std::string text_;
};

class help_formatter : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const override {
    return help_for_terminal(describe(*app));
  }
};

}  // namespace

command_text describe(const CLI::App& command) {
  command_text text;
  text.name = whole_name(command);
  text.summary = command.get_description();
  for (const CLI::Option* each : command.get_options()) {
    if (each->get_group().empty()) continue;
    if (each->get_positional()) {
      text.arguments.push_back(describe_option(*each));
      continue;
    }
    const auto same = [&](const option_group_text& group) { return group.heading == each->get_group(); };
    auto group = std::find_if(text.groups.begin(), text.groups.end(), same);
    if (group == text.groups.end()) group = text.groups.insert(group, {.heading = each->get_group(), .options = {}});
    group->options.push_back(describe_option(*each));
  }
  for (const CLI::App* each : command.get_subcommands([](const CLI::App*) { return true; }))
    if (!each->get_group().empty()) text.commands.push_back(describe(*each));
  text.footer = command.get_footer();
  return text;
}

std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
  std::vector<std::string> lines;
  std::string line;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t begin = text.find_first_not_of(' ', at);
    if (begin == text.npos) break;
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string_view word = std::string_view(text).substr(begin, end - begin);
    if (!line.empty() && line.size() + 1 + word.size() > width) lines.push_back(std::exchange(line, {}));
    if (!line.empty()) line += ' ';
    line += word;
    at = end;
  }
  if (!line.empty()) lines.push_back(std::move(line));
  return lines;
}

std::string usage_line(const command_text& command) {
  std::string line = "usage: " + command.name;
  if (!command.commands.empty()) line += " COMMAND";
  if (!command.groups.empty()) line += " [OPTION]...";
  for (const option_text& each : command.arguments) line += fmt::format(" [{}]", names_and_value(each));
  return line;
}

std::string help_text(const command_text& command, std::size_t width, bool colours) {
  help_writer out(width, colours);
  out.paragraph(usage_line(command));
  out.text_block(command.summary);
  if (!command.commands.empty()) out.heading("Commands");
  for (const command_text& each : command.commands) out.entry(each.name.substr(command.name.size() + 1), each.summary);
  if (!command.arguments.empty()) out.heading("Arguments");
  for (const option_text& each : command.arguments) out.entry(names_and_value(each), explanation(each));
  for (const option_group_text& group : command.groups) {
    out.heading(group.heading);
    for (const option_text& each : group.options) out.entry(names_and_value(each), explanation(each));
  }
  if (!command.footer.empty()) out.text_block(command.footer);
  return std::move(out).text();
}

std::string help_for_terminal(const command_text& command) {
  winsize size{};
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  const bool known = terminal && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  const std::size_t width = known ? std::min<std::size_t>(size.ws_col, widest) : usual_width;
  // https://no-color.org: set and not empty, whatever its value.
  const char* no_colour = std::getenv("NO_COLOR");
  return help_text(command, width, terminal && !(no_colour && *no_colour));
}

void use_help_text(CLI::App& app) {
  app.formatter(std::make_shared<help_formatter>());
}

}  // namespace fanout::cli
