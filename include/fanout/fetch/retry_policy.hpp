#pragma once

#include <fanout/base/failure.hpp>
#include <fanout/http/headers.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

/// \file
/// Whether a request that failed is sent again, and when.
namespace fanout::fetch {

/// The rules, with curl's names where curl has one.
struct retry_rules {
  std::uint32_t retries = 0;                      ///< `--retry`: of one request
  std::chrono::milliseconds first_delay{1'000};   ///< the longest wait before the first retry; each next one twice that
  std::chrono::milliseconds most_delay{600'000};  ///< no wait is longer, unless the server asks for it
  std::optional<std::chrono::milliseconds> fixed_delay = {};  ///< `--retry-delay`: this, and not an exponential one
  std::optional<std::chrono::milliseconds> most_time = {};    ///< `--retry-max-time`: no retry begins later than that
  bool all_errors = false;                                    ///< `--retry-all-errors`: whatever failed
  bool any_method = false;                          ///< also requests that may have been acted on: POST, PATCH
  double host_budget = 0.2;                         ///< retries of a host that each of its requests earns; 10 are there
  double job_budget = 0.1;                          ///< retries of the job that each request earns; 100 are there
  std::uint32_t circuit_failures = 10;              ///< so many in a row without a connection: the host is dead
  std::chrono::milliseconds circuit_probe{30'000};  ///< a dead host is tried once in so long
  std::uint32_t circuit_probes = 3;                 ///< its requests wait while fewer probes have failed, if `retries`
};

/// How an attempt ended.
struct attempt {
  std::string_view host;
  std::string_view method = "GET";
  std::optional<failure_kind> error = {};  ///< empty, or `status`: an answer came
  int status = 0;
  std::optional<std::chrono::milliseconds> retry_after = {};  ///< as the server asked (`parse_retry_after`)
  std::uint32_t number = 1;                                   ///< the first attempt is 1
  std::chrono::steady_clock::time_point begun{};              ///< the first one
};

/// Decides about retries for one job.
///
///  - Of a failure that may pass: no name server or no connection, a timeout, a broken or closed connection; the
///  statuses
///    408, 425, 429, 500, 502, 503, 504. Others fail the same way again: a bad URL, a certificate, a size, a policy. Of
///    those `all_errors` takes what a server has to do with.
///  - Of methods that may be repeated (RFC 9110, 9.2.2), unless told; where nothing was done for the request (no
///    connection, 408, 425, 429, 503), of any.
///  - After a random time between nothing and twice the last limit ("full jitter"), so that requests that failed
///  together
///    are not sent together; never before the server's Retry-After.
///  - Within budgets: each request earns a part of a token, and a retry costs one, of its host's and of the job's. So a
///    job whose every request fails sends a tenth more, and not four times as many.
///  - A host that no connection could be made to ten times in a row is dead. One request in 30 s is sent to it, a
///  probe;
///    the others wait for it. When three probes have failed, or without retries at once, the others fail without being
///    sent, until a probe is answered.
///
/// ```cpp
/// const auto turn = policy.may_start(host, now);
/// if (turn.what == retry_policy::decision::refuse) fail_at_once(request);
/// if (turn.what == retry_policy::decision::wait) pause(host, turn.until);
/// ...
/// if (const auto when = policy.retry_at(ended, now)) queue_again(request, *when);
/// ```
///
/// It keeps some 120 bytes for each host that a request of has failed. It has no clock, and its random numbers are
/// given. Thread safety: none.
class retry_policy {
 public:
  using clock = std::chrono::steady_clock;

  /// `random` gives numbers of [0, 1).
  retry_policy(retry_rules rules, std::function<double()> random);

  enum class decision { send, wait, refuse };
  struct turn {
    decision what = decision::send;
    clock::time_point until{};                 ///< of `wait`: when the next probe is due
    failure_kind why = failure_kind::connect;  ///< of `refuse`: what the host's last attempt came to
  };
  /// Asked before each attempt, also the first. `send` may be a probe of a dead host.
  turn may_start(std::string_view host, clock::time_point now);
  /// Told of each attempt, also those that succeeded: when the request is to be sent again, if it is.
  std::optional<clock::time_point> retry_at(const attempt& ended, clock::time_point now);

  struct snapshot {
    std::uint64_t requests = 0;  ///< first attempts
    std::uint64_t retries = 0;
    std::uint64_t refused = 0;  ///< retries that a budget did not allow
    std::uint64_t dead_hosts = 0;
  };
  snapshot statistics() const noexcept { return counts_; }

 private:
  struct host_state {
    double tokens = 0;           ///< retries that it may have
    std::uint32_t failures = 0;  ///< in a row, without a connection
    std::uint32_t probes = 0;    ///< failed, since it is dead
    bool probed = false;         ///< a probe is under way
    failure_kind why = failure_kind::connect;
    clock::time_point next_probe{};
  };

  bool may_pass(const attempt& ended) const noexcept;
  bool is_dead(const host_state& host) const noexcept;
  bool still_probed(const host_state& host) const noexcept;
  void note_circuit(const attempt& ended, host_state& host, clock::time_point now);

  retry_rules rules_;
  std::function<double()> random_;
  std::unordered_map<std::string, host_state> hosts_;
  double tokens_;
  snapshot counts_;
};

/// The time that a Retry-After header asks for: seconds, or a date (RFC 9110, 10.2.3, in any of its three forms), which
/// `now` is subtracted from. Empty for anything else; at most a day.
std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view value,
                                                           std::chrono::system_clock::time_point now);
/// The same of a response. A date is counted from the response's own Date, where it has one: so it does not matter
/// which clock is wrong, the server's or the one here.
std::optional<std::chrono::milliseconds> retry_after_of(const http::headers& response);

}  // namespace fanout::fetch
