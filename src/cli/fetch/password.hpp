#pragma once

#include <string>

/// \file
/// Passwords that a person types.
namespace fanout::cli {

/// Shows `prompt` on the terminal that this process was started from, and returns the line that is typed there, which
/// is not shown. Empty where there is no such terminal.
std::string ask_for_password(const std::string& prompt);

}  // namespace fanout::cli
