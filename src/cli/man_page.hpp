#pragma once

#include "cli/text/command_text.hpp"

#include <string>

namespace fanout::cli {

/// The man page of a command, for `man -l` or `share/man/man1`: roff with the macros of man(7). `version` stands in its
/// last line.
std::string man_page(const command_text& command, const std::string& version);

}  // namespace fanout::cli
