#pragma once

#include <string>
#include <string_view>

namespace fanout::cli {

/// The text as one word of a POSIX shell, within single quotes (POSIX.1, Shell Command Language, 2.2.2). It has no zero
/// byte.
std::string shell_quoted(std::string_view text);

}  // namespace fanout::cli
