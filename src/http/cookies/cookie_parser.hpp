#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

/// \file
/// The Set-Cookie header taken apart (RFC 6265bis section 5.6).
namespace fanout::http {

/// What a server says; what of it is believed is the jar's to decide.
struct set_cookie {
  std::string name;
  std::string value;
  std::string domain;  ///< as written, without one leading dot; empty when there is none
  std::string path;    ///< empty: the default, from the page's path
  bool secure = false;
  bool http_only = false;
  std::optional<std::chrono::sys_seconds> expires;
};

/// A cookie lives no longer than this.
inline constexpr std::chrono::days longest_cookie_life{400};

/// Empty when the header is to be ignored: control characters, a tab within name or value (which a file could not hold;
/// between attributes it is a blank), neither a name nor a value, or more than `most_bytes` of them.
std::optional<set_cookie> parse_set_cookie(std::string_view header, std::chrono::sys_seconds now,
                                           std::size_t most_bytes);

/// A date in any of the forms servers have used (RFC 6265bis section 5.1.1); not before 1970.
std::optional<std::chrono::sys_seconds> parse_cookie_date(std::string_view text);

}  // namespace fanout::http
