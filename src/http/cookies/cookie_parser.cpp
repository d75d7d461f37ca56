#include "http/cookies/cookie_parser.hpp"

#include <fanout/http/detail/text.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace fanout::http {
namespace {

using std::chrono::sys_seconds;

constexpr std::size_t longest_attribute = 1024;

/// Cuts what precedes the next `mark` off the front of `rest`.
std::string_view cut(std::string_view& rest, char mark) noexcept {
  const std::size_t end = std::min(rest.find(mark), rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

/// The number at the front of `rest`, of `least` to `most` digits, which it is cut off; -1 when there is none.
int cut_number(std::string_view& rest, std::size_t least, std::size_t most) noexcept {
  std::size_t digits = 0;
  int value = 0;
  while (digits < rest.size() && is_digit(rest[digits])) {
    if (digits == most) return -1;
    value = value * 10 + (rest[digits++] - '0');
  }
  if (digits < least) return -1;
  rest.remove_prefix(digits);
  return value;
}

struct date_parts {
  int second = -1, minute = -1, hour = -1, day = -1, month = -1, year = -1;
};

bool take_time(std::string_view token, date_parts& into) noexcept {
  const int hour = cut_number(token, 1, 2);
  if (hour < 0 || !token.starts_with(':')) return false;
  token.remove_prefix(1);
  const int minute = cut_number(token, 1, 2);
  if (minute < 0 || !token.starts_with(':')) return false;
  token.remove_prefix(1);
  const int second = cut_number(token, 1, 2);
  if (second < 0) return false;
  into.hour = hour;
  into.minute = minute;
  into.second = second;
  return true;
}

int month_of(std::string_view token) noexcept {
  constexpr std::array<std::string_view, 12> names{"jan", "feb", "mar", "apr", "may", "jun",
                                                   "jul", "aug", "sep", "oct", "nov", "dec"};
  for (std::size_t i = 0; i < names.size(); ++i)
    if (equal_ignoring_case(token.substr(0, 3), names[i])) return static_cast<int>(i) + 1;
  return -1;
}

void take_token(std::string_view token, date_parts& into) noexcept {
  if (into.hour < 0 && take_time(token, into)) return;
  if (std::string_view rest = token; into.day < 0) {
    if (const int day = cut_number(rest, 1, 2); day >= 0) {
      into.day = day;
      return;
    }
  }
  if (into.month < 0) {
    if (const int month = month_of(token); month >= 0) {
      into.month = month;
      return;
    }
  }
  if (std::string_view rest = token; into.year < 0) into.year = cut_number(rest, 2, 4);
}

bool is_date_delimiter(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte == 0x09 || (byte >= 0x20 && byte <= 0x2f) || (byte >= 0x3b && byte <= 0x40) ||
         (byte >= 0x5b && byte <= 0x60) || (byte >= 0x7b && byte <= 0x7e);
}

std::optional<sys_seconds> expiry_of(std::string_view max_age, sys_seconds now) {
  const bool negative = max_age.starts_with('-');
  if (negative) max_age.remove_prefix(1);
  if (max_age.empty() || !std::all_of(max_age.begin(), max_age.end(), is_digit)) return std::nullopt;
  std::int64_t seconds = 0;
  const auto [end, failed] = std::from_chars(max_age.data(), max_age.data() + max_age.size(), seconds);
  constexpr std::int64_t most = std::chrono::seconds(longest_cookie_life).count();
  if (failed != std::errc{}) seconds = most;
  if (negative || seconds == 0) return sys_seconds{};
  return now + std::chrono::seconds(std::min(seconds, most));
}

void take_attributes(std::string_view rest, sys_seconds now, set_cookie& into) {
  std::optional<sys_seconds> by_date, by_age;
  while (!rest.empty()) {
    std::string_view value = cut(rest, ';');
    const std::string_view name = trimmed(cut(value, '='));
    value = trimmed(value);
    if (value.size() > longest_attribute) continue;
    if (equal_ignoring_case(name, "expires")) {
      if (const auto date = parse_cookie_date(value)) by_date = std::min(*date, now + longest_cookie_life);
    } else if (equal_ignoring_case(name, "max-age")) {
      if (const auto expiry = expiry_of(value, now)) by_age = expiry;
    } else if (equal_ignoring_case(name, "domain")) {
      if (value.starts_with('.')) value.remove_prefix(1);
      into.domain = value;
    } else if (equal_ignoring_case(name, "path")) {
      into.path = value.starts_with('/') && value.find('\t') == value.npos ? value : std::string_view{};
    } else if (equal_ignoring_case(name, "secure")) {
      into.secure = true;
    } else if (equal_ignoring_case(name, "httponly")) {
      into.http_only = true;
    }
  }
  into.expires = by_age ? by_age : by_date;
}

}  // namespace

std::optional<set_cookie> parse_set_cookie(std::string_view header, sys_seconds now, std::size_t most_bytes) {
  // All controls but the tab (RFC 6265bis section 5.6).
  if (std::any_of(header.begin(), header.end(), [](char c) { return is_control(c) && c != '\t'; })) return std::nullopt;
  std::string_view value = cut(header, ';');
  std::string_view name;
  if (value.find('=') != value.npos) name = trimmed(cut(value, '='));
  value = trimmed(value);
  // A tab between attributes is a blank. Within a name or a value it would be two fields of a cookie file.
  if (name.find('\t') != name.npos || value.find('\t') != value.npos) return std::nullopt;
  if ((name.empty() && value.empty()) || name.size() + value.size() > most_bytes) return std::nullopt;
  set_cookie parsed;
  parsed.name = name;
  parsed.value = value;
  take_attributes(header, now, parsed);
  return parsed;
}

std::optional<sys_seconds> parse_cookie_date(std::string_view text) {
  date_parts found;
  for (std::size_t i = 0; i < text.size();) {
    while (i < text.size() && is_date_delimiter(text[i])) ++i;
    const std::size_t begin = i;
    while (i < text.size() && !is_date_delimiter(text[i])) ++i;
    take_token(text.substr(begin, i - begin), found);
  }
  if (found.hour < 0 || found.day < 0 || found.month < 0 || found.year < 0) return std::nullopt;
  if (found.year >= 70 && found.year <= 99) found.year += 1900;
  if (found.year >= 0 && found.year <= 69) found.year += 2000;
  const std::chrono::year_month_day date{std::chrono::year(found.year),
                                         std::chrono::month(static_cast<unsigned>(found.month)),
                                         std::chrono::day(static_cast<unsigned>(found.day))};
  if (!date.ok() || found.year < 1601 || found.hour > 23 || found.minute > 59 || found.second > 59) return std::nullopt;
  const sys_seconds when = std::chrono::sys_days(date) + std::chrono::hours(found.hour) +
                           std::chrono::minutes(found.minute) + std::chrono::seconds(found.second);
  return std::max(when, sys_seconds{});
}

}  // namespace fanout::http
