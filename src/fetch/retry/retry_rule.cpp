#include "fetch/retry/retry_rule.hpp"

#include <algorithm>
#include <string_view>

namespace fanout::fetch {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds first_wait{1000};
constexpr milliseconds longest_retry_wait{600'000};

bool is_repeatable(std::string_view method) {
  return method != "POST" && method != "PATCH";
}

bool passes(const settings& how, const tried& last) {
  if (!last.error || last.error == failure_kind::invalid_request) return false;
  if (how.retry_all_errors || last.never_seen) return true;
  if (last.error == failure_kind::connect) return how.retry_refused;
  if (last.error == failure_kind::dns) return true;
  const bool repeatable = is_repeatable(last.method);
  if (last.error == failure_kind::timeout) return repeatable;
  if (last.error != failure_kind::status) return false;
  switch (last.status) {
    case 408:
    case 429:
    case 503:
      return true;
    case 500:
    case 502:
    case 504:
      return repeatable;
    default:
      return false;
  }
}

milliseconds pause_before(const settings& how, const tried& last) {
  milliseconds pause{how.retry_delay_ms};
  if (how.retry_delay_ms == 0) {
    pause = first_wait;
    for (std::uint32_t i = 0; i < last.retries && pause < longest_retry_wait; ++i) pause *= 2;
    pause = std::min(pause, longest_retry_wait);
  }
  if (last.retry_after) pause = std::max(pause, *last.retry_after);
  return pause;
}

}  // namespace

std::optional<milliseconds> wait_before_retry(const settings& how, const tried& last) {
  if (last.retries >= how.retries || !passes(how, last)) return std::nullopt;
  const milliseconds pause = pause_before(how, last);
  if (how.retry_max_time_ms != 0 && last.since_start + pause > milliseconds(how.retry_max_time_ms)) return std::nullopt;
  return pause;
}

}  // namespace fanout::fetch
