#include <fanout/fetch/units.hpp>

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <stdexcept>

namespace fanout::fetch {
namespace {

struct quantity {
  double number;
  std::string_view unit;
};

/// A plain decimal number and what follows it; no sign, no exponent, no blanks.
std::optional<quantity> split(std::string_view text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  quantity result{};
  const char* const end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), end, result.number, std::chars_format::fixed);
  if (failed != std::errc{}) return std::nullopt;
  result.unit = std::string_view(stop, static_cast<std::size_t>(end - stop));
  return result;
}

std::optional<double> milliseconds_of(std::string_view unit) {
  if (unit == "ms") return 1.0;
  if (unit == "s" || unit.empty()) return 1e3;
  if (unit == "m" || unit == "min") return 60e3;
  if (unit == "h") return 3600e3;
  return std::nullopt;
}

std::optional<double> bytes_of(std::string_view unit) {
  std::string lower(unit);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (lower.empty() || lower == "b") return 1.0;
  constexpr std::string_view prefixes = "kmgt";
  const auto power = prefixes.find(lower.front());
  if (power == prefixes.npos) return std::nullopt;
  const std::string_view rest = std::string_view(lower).substr(1);
  if (rest == "b") return std::pow(1000.0, power + 1);
  if (rest.empty() || rest == "ib") return std::pow(1024.0, power + 1);
  return std::nullopt;
}

}  // namespace

std::chrono::milliseconds parse_duration(std::string_view text) {
  constexpr double longest = 1e12;  // some 30 years; a deadline that far fits 64 bits of nanoseconds, and is exact
  const auto parts = split(text);
  const auto unit = parts ? milliseconds_of(parts->unit) : std::nullopt;
  if (!unit)
    throw std::invalid_argument(
        fmt::format("'{}' is not a duration; use a number of seconds, or one with ms, s, m or h, such as 400ms", text));
  const double exact = parts->number * *unit;
  if (exact > longest) return std::chrono::milliseconds(static_cast<std::int64_t>(longest));
  const double whole = std::round(exact);
  if (std::abs(exact - whole) > 1e-6)
    throw std::invalid_argument(fmt::format("'{}' is not a whole number of milliseconds", text));
  return std::chrono::milliseconds(static_cast<std::int64_t>(whole));
}

std::uint64_t parse_size(std::string_view text) {
  constexpr double largest = 9007199254740992.0;  // 2^53: every whole number up to here is exact
  const auto parts = split(text);
  const auto unit = parts ? bytes_of(parts->unit) : std::nullopt;
  if (!unit)
    throw std::invalid_argument(fmt::format(
        "'{}' is not a size; use a number of bytes, or one with KiB, MiB, GiB, kB, MB or GB, such as 10MiB", text));
  const double exact = parts->number * *unit;
  if (exact > largest) throw std::invalid_argument(fmt::format("'{}' is too large a size", text));
  if (exact != std::floor(exact)) throw std::invalid_argument(fmt::format("'{}' is not a whole number of bytes", text));
  return static_cast<std::uint64_t>(exact);
}

std::uint64_t parse_count(std::string_view text, std::uint64_t least, std::uint64_t most) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), end, value);
  if (failed == std::errc{} && stop == end && value >= least && value <= most) return value;
  if (most == UINT64_MAX) throw std::invalid_argument(fmt::format("'{}' is not a number from {} up", text, least));
  throw std::invalid_argument(fmt::format("'{}' is not a number from {} to {}", text, least, most));
}

}  // namespace fanout::fetch
