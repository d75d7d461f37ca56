#pragma once

#include <string>
#include <string_view>
#include <vector>

/// \file
/// Files of options, as curl's --config reads them.
namespace fanout::cli {

/// The arguments that a file stands for. A line is an option, with or without its dashes, and its value: `name value`,
/// `name = value`, `name: value`, `-x value`. A value in quotes may hold blanks, and \\ \" \t \n \r \v; what follows it
/// is left out. Blank lines and those that begin with # are passed over. Throws `std::invalid_argument` with the line.
std::vector<std::string> parse_config(std::string_view text);

/// The same of a file; "-" is standard input. Throws `std::invalid_argument` that names it.
std::vector<std::string> config_arguments(const std::string& path);

}  // namespace fanout::cli
