#pragma once

#include <CLI/CLI.hpp>

#include <string>

/// \file
/// What to say about a command line that is not accepted.
namespace fanout::cli {

/// What is wrong, with the option or argument named, and what would be accepted; several lines, the last one pointing
/// to --help. To be called after the parse has thrown.
std::string explain(const CLI::App& app, const CLI::ParseError& failed);

/// "unknown command 'fetsh'; did you mean fetch?", or which there are; not where there is one of that name.
std::string unknown_command(const CLI::App& app, const std::string& given);

/// What `explain` says, for a command line without a command.
std::string explain_missing_command(const CLI::App& app);

}  // namespace fanout::cli
