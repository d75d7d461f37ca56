#include <fanout/fetch/retry_policy.hpp>

#include "fetch/text/http_date.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace fanout::fetch {
namespace {

constexpr std::chrono::seconds longest_retry_after{24 * 3600};

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
  const auto seconds = parse_http_date(value);
  if (!seconds) return std::nullopt;
  const std::chrono::sys_seconds date{std::chrono::seconds(*seconds)};
  if (date <= now) return std::chrono::milliseconds(0);
  if (date - now >= longest_retry_after) return longest_retry_after;
  return std::chrono::ceil<std::chrono::milliseconds>(date - now);
}

std::optional<std::chrono::milliseconds> retry_after_of(const http::headers& response) {
  const std::string_view value = response.get("retry-after");
  if (value.empty()) return std::nullopt;
  const auto sent = parse_http_date(response.get("date"));
  return parse_retry_after(
      value, sent ? std::chrono::sys_seconds(std::chrono::seconds(*sent)) : std::chrono::system_clock::now());
}

}  // namespace fanout::fetch
