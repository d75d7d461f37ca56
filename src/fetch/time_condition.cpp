#include "fetch/time_condition.hpp"

#include "fetch/text.hpp"

#include <fmt/format.h>

#include <sys/stat.h>

#include <array>
#include <chrono>
#include <ctime>
#include <stdexcept>

namespace fanout::fetch {
namespace {

constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// What a format of strptime makes of the whole text. The tool never sets a locale, so names are English.
std::optional<std::tm> read_by(const std::string& text, const char* format) {
  std::tm parts{};
  const char* const end = strptime(text.c_str(), format, &parts);
  if (!end || *end != '\0') return std::nullopt;
  return parts;
}

}  // namespace

std::optional<std::int64_t> parse_date(std::string_view text) {
  const std::string whole(text);
  for (const char* const format :
       {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y", "%a, %d %b %Y %H:%M:%S UTC",
        "%d %b %Y %H:%M:%S GMT", "%d %b %Y %H:%M:%S", "%d %b %Y", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y%m%d %H:%M:%S", "%Y%m%d"}) {
    auto parts = read_by(whole, format);
    if (!parts) continue;
    const std::chrono::year_month_day date(std::chrono::year(parts->tm_year + 1900),
                                           std::chrono::month(static_cast<unsigned>(parts->tm_mon + 1)),
                                           std::chrono::day(static_cast<unsigned>(parts->tm_mday)));
    if (!date.ok()) return std::nullopt;
    return timegm(&*parts);
  }
  return std::nullopt;
}

std::string http_date(std::int64_t seconds) {
  const std::time_t when = seconds;
  std::tm parts{};
  gmtime_r(&when, &parts);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", days[static_cast<std::size_t>(parts.tm_wday)],
                     parts.tm_mday, months[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900, parts.tm_hour,
                     parts.tm_min, parts.tm_sec);
}

std::optional<std::pair<std::string, std::string>> time_condition(const std::string& text) {
  const bool older = text.starts_with('-');
  const std::string what = older ? text.substr(1) : text;
  const char* const name = older ? "If-Unmodified-Since" : "If-Modified-Since";
  if (const auto date = parse_date(what)) return std::pair(std::string(name), http_date(*date));
  struct stat status{};
  if (stat(what.c_str(), &status) == 0) return std::pair(std::string(name), http_date(status.st_mtime));
  const bool like_a_date = what.find(' ') != what.npos || (!what.empty() && what.front() >= '0' && what.front() <= '9');
  if (!like_a_date && !what.empty()) return std::nullopt;
  throw std::invalid_argument(fmt::format(
      "'{}' is neither a date, such as 2026-11-29 or 'Sun, 06 Nov 1994 08:49:37 GMT', nor a file that is there",
      printable(text)));
}

}  // namespace fanout::fetch
