#include <fanout/fetch/retry_policy.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace fanout::fetch {
namespace {

constexpr std::uint64_t free_of_host = 10;
constexpr std::uint64_t free_of_job = 100;

bool is_idempotent(std::string_view method) {
  constexpr std::array<std::string_view, 6> methods{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
  return std::find(methods.begin(), methods.end(), method) != methods.end();
}

bool has_failed(const attempt& ended) {
  return ended.error.has_value() || ended.status >= 400;
}

/// Nothing was sent, so any method may be repeated.
bool never_connected(const attempt& ended) {
  return ended.error == failure_kind::dns || ended.error == failure_kind::connect;
}

}  // namespace

retry_policy::retry_policy(retry_rules rules, std::function<double()> random)
    : rules_(rules), random_(std::move(random)) {}

bool retry_policy::may_start(std::string_view name, clock::time_point now) {
  const auto found = hosts_.find(std::string(name));
  if (found == hosts_.end()) return true;
  host_state& host = found->second;
  if (rules_.circuit_failures == 0 || host.failures < rules_.circuit_failures) return true;
  if (now < host.next_probe) return false;
  host.next_probe = now + rules_.circuit_probe;
  return true;
}

bool retry_policy::may_pass(const attempt& ended) const noexcept {
  if (ended.error && *ended.error != failure_kind::status) {
    switch (*ended.error) {
      case failure_kind::dns:
      case failure_kind::connect:
      case failure_kind::timeout:
      case failure_kind::protocol:
      case failure_kind::worker_died:
        return true;
      case failure_kind::tls:
      case failure_kind::too_large:
        return rules_.all_errors;
      default:
        return false;  // no server has to do with it
    }
  }
  switch (ended.status) {
    case 408:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return true;
    default:
      return rules_.all_errors;
  }
}

bool retry_policy::within_budget(const host_state& host) const noexcept {
  const auto allowed = [](std::uint64_t free, double share, std::uint64_t requests) {
    return static_cast<double>(free) + share * static_cast<double>(requests);
  };
  return static_cast<double>(host.retries) < allowed(free_of_host, rules_.host_budget, host.requests) &&
         static_cast<double>(counts_.retries) < allowed(free_of_job, rules_.job_budget, counts_.requests);
}

std::optional<retry_policy::clock::time_point> retry_policy::retry_at(const attempt& ended, clock::time_point now) {
  host_state& host = hosts_[std::string(ended.host)];
  if (ended.number == 1) {
    ++host.requests;
    ++counts_.requests;
  }
  const bool was_dead = rules_.circuit_failures != 0 && host.failures >= rules_.circuit_failures;
  host.failures = never_connected(ended) ? host.failures + 1 : 0;
  const bool is_dead = rules_.circuit_failures != 0 && host.failures >= rules_.circuit_failures;
  if (is_dead && !was_dead) {
    ++counts_.dead_hosts;
    host.next_probe = now + rules_.circuit_probe;
  }
  if (was_dead && !is_dead) --counts_.dead_hosts;

  if (!has_failed(ended) || ended.number > rules_.retries || !may_pass(ended)) return std::nullopt;
  if (!rules_.any_method && !is_idempotent(ended.method) && !never_connected(ended)) return std::nullopt;
  if (is_dead) return std::nullopt;
  if (!within_budget(host)) {
    ++counts_.refused;
    return std::nullopt;
  }
  double wait_ms = 0;
  if (rules_.fixed_delay) {
    wait_ms = static_cast<double>(rules_.fixed_delay->count());
  } else {
    const double longest = static_cast<double>(rules_.first_delay.count()) * std::exp2(std::min(ended.number - 1, 40U));
    wait_ms = random_() * std::min(longest, static_cast<double>(rules_.most_delay.count()));
  }
  if (ended.retry_after) wait_ms = std::max(wait_ms, static_cast<double>(ended.retry_after->count()));
  const auto when = now + std::chrono::milliseconds(std::llround(wait_ms));
  if (rules_.most_time && when - ended.begun > *rules_.most_time) return std::nullopt;
  ++host.retries;
  ++counts_.retries;
  return when;
}

}  // namespace fanout::fetch
