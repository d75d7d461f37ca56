#pragma once

#include <string>
#include <string_view>

namespace fanout::fetch {

bool is_utf8(std::string_view bytes);
/// As UTF-8, with U+FFFD for each byte that is none.
std::string repaired(std::string_view bytes);
/// Fit for a terminal: as UTF-8, with control characters as `\x1b`.
std::string printable(std::string_view bytes);

/// ASCII's control characters.
constexpr bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}
/// RFC 9110 section 5.6.2: what methods and names of header fields are.
bool is_token(std::string_view text);

}  // namespace fanout::fetch
