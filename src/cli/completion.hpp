#pragma once

#include "cli/text/command_text.hpp"

#include <string>

/// \file
/// Scripts that complete the tool's command lines in a shell.
namespace fanout::cli {

/// For bash: sourced, or as `share/bash-completion/completions/fanout`.
std::string bash_completion(const command_text& tool);
/// For zsh: `_fanout` in a directory of `fpath`.
std::string zsh_completion(const command_text& tool);
/// For fish: `share/fish/vendor_completions.d/fanout.fish`.
std::string fish_completion(const command_text& tool);

}  // namespace fanout::cli
