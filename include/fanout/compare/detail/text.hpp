#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// \file
/// Text for a terminal. Not for users.
namespace fanout::detail {

constexpr std::size_t narrowest = 40;  ///< columns that text for a terminal has at least

/// `text` with everything but printable ASCII as `\xNN`: it may come from a server and go to a terminal.
std::string printable(std::string_view text);

/// `text` broken between words into lines of at most `width` characters, each of them indented by `indent` blanks.
/// Longer words are broken.
std::string wrap(std::string_view text, std::size_t width, std::size_t indent);

}  // namespace fanout::detail
