#pragma once

#include <fanout/base/failure.hpp>
#include <fanout/fetch/settings.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

/// \file
/// Whether to fetch once more.
namespace fanout::fetch {

/// What became of one try, as far as the rule looks at it.
struct tried {
  std::string_view method;
  std::optional<failure_kind> error;  ///< none: it succeeded
  std::int32_t status = 0;
  std::uint32_t retries = 0;                             ///< made so far
  std::chrono::milliseconds since_start{0};              ///< of the first try
  bool never_seen = false;                               ///< by the server, most likely (`lost_on_kept_connection`)
  std::optional<std::chrono::milliseconds> retry_after;  ///< as the server asks
};

/// How long to wait before the next try; none when there is to be none.
///
/// The rule is curl's for --retry and its relatives: a timeout, a name that could not be looked up, and the statuses
/// 408, 429, 500, 502, 503 and 504 are likely to pass; connections that are refused by `retry_refused`; every failure
/// by `retry_all_errors`. The wait is 1 s, twice as long each time, 10 min at most, or `retry_delay_ms`, or what the
/// server asks for in Retry-After if that is longer. A wait that would end after `retry_max_time_ms` is not begun.
///
/// Unlike curl, a request that is not idempotent (POST, PATCH) is sent again only if its server did not act on it: no
/// connection, a kept connection that turned out closed, 408, 429, 503; `retry_all_errors` lifts this.
std::optional<std::chrono::milliseconds> wait_before_retry(const settings& how, const tried& last);

}  // namespace fanout::fetch
