#include <fanout/fetch/retry_policy.hpp>

#include <time.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace fanout::fetch {
namespace {

constexpr std::chrono::seconds longest_retry_after{24 * 3600};

/// IMF-fixdate, RFC 850 and asctime (RFC 9110, 5.6.7), in the C locale's names.
std::optional<std::chrono::system_clock::time_point> http_date(const std::string& text) {
  for (const char* const form : {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    tm parts{};
    const char* const end = ::strptime(text.c_str(), form, &parts);
    if (end != nullptr && *end == '\0') return std::chrono::system_clock::from_time_t(::timegm(&parts));
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view value,
                                                           std::chrono::system_clock::time_point now) {
  constexpr std::string_view blank = " \t";
  const auto first = value.find_first_not_of(blank);
  if (first == value.npos) return std::nullopt;
  value = value.substr(first, value.find_last_not_of(blank) - first + 1);
  if (value.find_first_not_of("0123456789") == value.npos) {
    std::int64_t seconds = 0;
    const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (failed != std::errc{}) seconds = longest_retry_after.count();  // more than 63 bits can count
    return std::chrono::seconds(std::min(seconds, std::int64_t{longest_retry_after.count()}));
  }
  const auto date = http_date(std::string(value));
  if (!date) return std::nullopt;
  if (*date <= now) return std::chrono::milliseconds(0);
  if (*date - now >= longest_retry_after) return longest_retry_after;
  return std::chrono::ceil<std::chrono::milliseconds>(*date - now);
}

}  // namespace fanout::fetch
