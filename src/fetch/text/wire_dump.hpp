#pragma once

#include <string>
#include <string_view>

/// \file
/// Bytes of a connection for a person, as `curl --trace` shows them.
namespace fanout::fetch {

/// Adds "TITLE, 3 bytes (0x3)" and the bytes below it: 64 to a line with a point for what is no printable ASCII, and a
/// new line after CR LF; or, with `in_hex`, 16 to a line, in hexadecimal and as characters.
void append_dump(std::string& text, std::string_view title, std::string_view bytes, bool in_hex);

}  // namespace fanout::fetch
