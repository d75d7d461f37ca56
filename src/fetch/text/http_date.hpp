#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// \file
/// Dates as HTTP has them, whatever the locale of the program. All are seconds since 1970, in UTC.
namespace fanout::fetch {

/// One of the three forms of RFC 9110 section 5.6.7.
std::optional<std::int64_t> parse_http_date(std::string_view text);

/// One of those, or as people write dates: "2026-11-29", "20261129", "2026-11-29 16:04:24", with a T between and a Z
/// behind, "29 Nov 2026". Without a zone it is UTC.
std::optional<std::int64_t> parse_any_date(std::string_view text);

/// "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(std::int64_t seconds);

}  // namespace fanout::fetch
