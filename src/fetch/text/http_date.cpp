#include "fetch/text/http_date.hpp"

#include <fmt/format.h>

#include <locale.h>
#include <time.h>

#include <array>
#include <chrono>
#include <span>

namespace fanout::fetch {
namespace {

constexpr std::array<const char*, 3> forms_of_http{"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                                   "%a %b %e %H:%M:%S %Y"};
constexpr std::array<const char*, 10> forms_of_people{
    "%a, %d %b %Y %H:%M:%S UTC", "%d %b %Y %H:%M:%S GMT", "%d %b %Y %H:%M:%S", "%d %b %Y",        "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S",         "%Y-%m-%d %H:%M:%S",     "%Y-%m-%d",          "%Y%m%d %H:%M:%S", "%Y%m%d"};
constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Its names of days and months are English. Lives as long as the program; null without memory, and then no date is
/// read.
locale_t english() {
  static const locale_t made = newlocale(LC_ALL_MASK, "C", nullptr);
  return made;
}

std::optional<std::int64_t> parse_by(std::span<const char* const> forms, std::string_view text) {
  const std::string whole(text);
  if (!english()) return std::nullopt;
  for (const char* const form : forms) {
    tm parts{};
    const char* const end = strptime_l(whole.c_str(), form, &parts, english());
    if (!end || *end != '\0') continue;
    const std::chrono::year_month_day date(std::chrono::year(parts.tm_year + 1900),
                                           std::chrono::month(static_cast<unsigned>(parts.tm_mon + 1)),
                                           std::chrono::day(static_cast<unsigned>(parts.tm_mday)));
    if (!date.ok()) return std::nullopt;
    return timegm(&parts);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  return parse_by(forms_of_http, text);
}

std::optional<std::int64_t> parse_any_date(std::string_view text) {
  if (const auto date = parse_http_date(text)) return date;
  return parse_by(forms_of_people, text);
}

std::string http_date(std::int64_t seconds) {
  const time_t when = seconds;
  tm parts{};
  gmtime_r(&when, &parts);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", days[static_cast<std::size_t>(parts.tm_wday)],
                     parts.tm_mday, months[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900, parts.tm_hour,
                     parts.tm_min, parts.tm_sec);
}

}  // namespace fanout::fetch
