#pragma once

#include <optional>
#include <string>
#include <utility>

/// \file
/// `-z`: only what is newer, or older.
namespace fanout::fetch {

/// The header for a condition: a date, or a file whose time of change counts; after a "-" it is one for what is older.
/// None for a file that is not there yet, so that `-z page -o page` fetches it the first time. Throws
/// `std::invalid_argument` that quotes what looks like a date and is none.
std::optional<std::pair<std::string, std::string>> time_condition(const std::string& text);

}  // namespace fanout::fetch
