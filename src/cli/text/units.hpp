#pragma once

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdint>
#include <string>

/// \file
/// Options that are durations, sizes and counts (fetch/units.hpp).
namespace fanout::cli {

/// Options of these types. A value that is not accepted ends the parsing with a message that names the option:
/// "--latency: '4x' is not a duration; use a number with ms, s, m or h, such as 400ms".
CLI::Option* add_duration(CLI::App& app, const std::string& names, std::chrono::milliseconds& into,
                          const std::string& help);
CLI::Option* add_size(CLI::App& app, const std::string& names, std::uint64_t& into, const std::string& help);

struct count_limits {
  std::uint64_t least = 0;
  std::uint64_t most = UINT64_MAX;
};
CLI::Option* add_count(CLI::App& app, const std::string& names, std::uint64_t& into, count_limits limits,
                       const std::string& help);

}  // namespace fanout::cli
