#pragma once

#include <CLI/CLI.hpp>

#include <cstddef>
#include <string>
#include <vector>

/// \file
/// What the tool's commands and options are, as text: the source of `--help`, man pages and completions.
namespace fanout::cli {

struct option_text {
  std::vector<std::string> names;  ///< "-H", "--header"; of an argument its name alone: "URL", or "URL..."
  std::string value;               ///< "FILE"; empty: it takes no value
  std::string help;
  std::string default_value;  ///< empty: none is stated
};

struct option_group_text {
  std::string heading;
  std::vector<option_text> options;
};

struct command_text {
  std::string name;     ///< "fanout fetch"
  std::string summary;  ///< one sentence
  std::vector<option_text> arguments;
  std::vector<option_group_text> groups;  ///< in the order in which the command adds them
  std::vector<command_text> commands;
  std::string footer;  ///< lines; those that begin with a blank are printed as they are
};

/// Describes a command, its options and its subcommands. What has no group is not described.
command_text describe(const CLI::App& command);

/// "usage: fanout fetch [OPTION]... [URL...]"
std::string usage_line(const command_text& command);

/// The text of `--help`, with lines of at most `width` columns (40 or more). With `colours`, headings and names are
/// bold.
std::string help_text(const command_text& command, std::size_t width, bool colours);

/// Breaks `text` at blanks, so that no line is longer than `width` columns; a longer word has a line of its own.
std::vector<std::string> wrapped(const std::string& text, std::size_t width);

/// The text of `--help`, as wide as the terminal that standard output is, or else 80 columns.
std::string help_for_terminal(const command_text& command);

/// Has CLI11 print `help_text`, as wide as the terminal that standard output is, or else 80 columns. Commands that are
/// added later print it, too.
void use_help_text(CLI::App& app);

}  // namespace fanout::cli
