#pragma once

#include <string>
#include <string_view>

/// \file
/// Text in whatever charset as UTF-8.
namespace fanout::http {

/// The value of the parameter `charset` of a Content-Type, quotes removed; empty without one.
std::string_view charset_of(std::string_view content_type) noexcept;

/// Whether a label names a charset that `to_utf8` reads, by the names and aliases of the WHATWG Encoding Standard.
bool is_known_charset(std::string_view label) noexcept;

/// `bytes` as UTF-8. A byte order mark decides, and is left out; else `label`; else it is UTF-8. "iso-8859-1" and
/// "us-ascii" are read as windows-1252, as browsers do. What is malformed becomes U+FFFD, one for each maximal part
/// (WHATWG Encoding Standard, sections 4 and 8.1). UTF-8, UTF-16 and windows-1252 are read here, the rest by iconv.
std::string to_utf8(std::string bytes, std::string_view label);

}  // namespace fanout::http
