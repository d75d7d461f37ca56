#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

/// \file
/// Durations, sizes and counts as people write them.
namespace fanout::fetch {

/// `400ms`, `2s`, `1.5m`, `1h`; `0` needs no unit. To the millisecond. What is beyond 30 years counts as 30 years.
/// Throws `std::invalid_argument` that quotes `text` and says what is accepted.
std::chrono::milliseconds parse_duration(std::string_view text);

/// Bytes: `512`, `512B`, `64KiB`, `1.5MiB` (powers of 1024), `10kB`, `10MB` (powers of 1000), and `k`, `M`, `G`, `T`,
/// which are powers of 1024 as curl reads them. Letters in either case.
/// Throws `std::invalid_argument` that quotes `text` and says what is accepted.
std::uint64_t parse_size(std::string_view text);

/// A whole number from `least` to `most`.
/// Throws `std::invalid_argument` that quotes `text` and says what is accepted.
std::uint64_t parse_count(std::string_view text, std::uint64_t least, std::uint64_t most);

}  // namespace fanout::fetch
