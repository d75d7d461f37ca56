#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

/// \file
/// `-z`: only what is newer, or older.
namespace fanout::fetch {

/// Seconds since 1970 of a date as RFC 9110 section 5.6.7 has it in its three forms, or as ISO 8601: "2026-11-29",
/// "20261129", "2026-11-29 16:04:24", with a T between and a Z behind. Without a zone it is UTC.
std::optional<std::int64_t> parse_date(std::string_view text);

/// As HTTP writes it: "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(std::int64_t seconds);

/// The header for a condition: a date, or a file whose time of change counts; after a "-" it is one for what is older.
/// None for a file that is not there yet, so that `-z page -o page` fetches it the first time. Throws
/// `std::invalid_argument` that quotes what looks like a date and is none.
std::optional<std::pair<std::string, std::string>> time_condition(const std::string& text);

}  // namespace fanout::fetch
