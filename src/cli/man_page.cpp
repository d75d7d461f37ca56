#include "cli/man_page.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

namespace fanout::cli {
namespace {

/// Text as it is: man(7) takes a backslash for an escape, a minus for a hyphen, and a dot or an apostrophe at the
/// beginning of a line for a request.
std::string roff(const std::string& text) {
  std::string safe;
  bool line_begins = true;
  for (const char each : text) {
    if (line_begins && (each == '.' || each == '\'')) safe += "\\&";
    line_begins = each == '\n';
    if (each == '\\')
      safe += "\\e";
    else if (each == '-')
      safe += "\\-";
    else
      safe += each;
  }
  return safe;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char each) { return std::toupper(each); });
  return text;
}

/// "fanout fetch" is the page fanout-fetch.
std::string page_name(std::string name) {
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string entry(const option_text& option) {
  std::string names;
  for (const std::string& each : option.names)
    names += fmt::format("{}\\fB{}\\fR", names.empty() ? "" : ", ", roff(each));
  if (!option.value.empty()) names += fmt::format(" \\fI{}\\fR", roff(option.value));
  std::string help = roff(option.help);
  if (!option.default_value.empty()) help += fmt::format(" [default: {}]", roff(option.default_value));
  return fmt::format(".TP\n{}\n{}\n", names, help);
}

}  // namespace

std::string man_page(const command_text& command, const std::string& version) {
  const std::string name = page_name(command.name);
  std::string page =
      fmt::format(".TH \"{}\" 1 \"\" \"fanout {}\" \"User Commands\"\n", roff(upper(name)), roff(version));
  page += fmt::format(".SH NAME\n{} \\- {}\n", roff(name), roff(command.summary));
  page += fmt::format(".SH SYNOPSIS\n\\fB{}\\fR\n", roff(usage_line(command).substr(std::string("usage: ").size())));
  if (!command.commands.empty()) page += ".SH COMMANDS\n";
  for (const command_text& each : command.commands)
    page += fmt::format(".TP\n\\fB{}\\fR(1)\n{}\n", roff(page_name(each.name)), roff(each.summary));
  if (!command.arguments.empty()) page += ".SH ARGUMENTS\n";
  for (const option_text& each : command.arguments) page += entry(each);
  if (!command.groups.empty()) page += ".SH OPTIONS\n";
  for (const option_group_text& group : command.groups) {
    page += fmt::format(".SS {}\n", roff(group.heading));
    for (const option_text& each : group.options) page += entry(each);
  }
  if (!command.footer.empty()) page += fmt::format(".SH NOTES\n.nf\n{}\n.fi\n", roff(command.footer));
  return page;
}

}  // namespace fanout::cli
