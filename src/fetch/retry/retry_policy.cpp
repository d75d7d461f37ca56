#include <fanout/fetch/retry_policy.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace fanout::fetch {
namespace {

constexpr double free_of_host = 10;
constexpr double free_of_job = 100;
// What is saved up in good times is no licence for a storm.
constexpr double most_of_host = 10'000;
constexpr double most_of_job = 100'000;

bool is_idempotent(std::string_view method) {
  constexpr std::array<std::string_view, 6> methods{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
  return std::find(methods.begin(), methods.end(), method) != methods.end();
}

bool has_failed(const attempt& ended) {
  return ended.error.has_value() || ended.status >= 400;
}

bool never_connected(const attempt& ended) {
  return ended.error == failure_kind::dns || ended.error == failure_kind::connect;
}

/// Nothing was sent, or the server says that it did nothing, so any method may be repeated.
bool not_acted_upon(const attempt& ended) {
  return never_connected(ended) || ended.status == 408 || ended.status == 425 || ended.status == 429 ||
         ended.status == 503;
}

}  // namespace

retry_policy::retry_policy(retry_rules rules, std::function<double()> random)
    : rules_(rules), random_(std::move(random)), tokens_(free_of_job) {}

bool retry_policy::is_dead(const host_state& host) const noexcept {
  return rules_.circuit_failures != 0 && host.failures >= rules_.circuit_failures;
}
bool retry_policy::still_probed(const host_state& host) const noexcept {
  return rules_.retries > 0 && host.probes < rules_.circuit_probes;
}

retry_policy::turn retry_policy::may_start(std::string_view name, clock::time_point now) {
  const auto found = hosts_.find(std::string(name));
  if (found == hosts_.end()) return {};
  host_state& host = found->second;
  if (!is_dead(host)) return {};
  if (now < host.next_probe) {
    if (still_probed(host)) return {decision::wait, host.next_probe, host.why};
    return {decision::refuse, {}, host.why};
  }
  host.next_probe = now + rules_.circuit_probe;
  host.probed = true;
  return {};
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
      case failure_kind::digest_mismatch:
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

void retry_policy::note_circuit(const attempt& ended, host_state& host, clock::time_point now) {
  const bool was_dead = is_dead(host);
  if (!never_connected(ended)) {
    host.failures = host.probes = 0;
    host.probed = false;
    if (was_dead) --counts_.dead_hosts;
    return;
  }
  ++host.failures;
  host.why = *ended.error;
  // What was under way when it died is no probe, and failed before one was sent, mostly.
  if (std::exchange(host.probed, false)) ++host.probes;
  if (was_dead || !is_dead(host)) return;
  ++counts_.dead_hosts;
  host.next_probe = now + rules_.circuit_probe;
}

std::optional<retry_policy::clock::time_point> retry_policy::retry_at(const attempt& ended, clock::time_point now) {
  if (ended.number == 1) {
    ++counts_.requests;
    tokens_ = std::min(tokens_ + rules_.job_budget, most_of_job);
  }
  auto found = hosts_.find(std::string(ended.host));
  if (found == hosts_.end()) {
    if (!has_failed(ended)) return std::nullopt;  // there is nothing to know of a host that has never failed
    found = hosts_.try_emplace(std::string(ended.host)).first;
    found->second.tokens = free_of_host;
  }
  host_state& host = found->second;
  if (ended.number == 1) host.tokens = std::min(host.tokens + rules_.host_budget, most_of_host);
  note_circuit(ended, host, now);

  if (!has_failed(ended) || ended.number > rules_.retries || !may_pass(ended)) return std::nullopt;
  if (!rules_.any_method && !is_idempotent(ended.method) && !not_acted_upon(ended)) return std::nullopt;
  if (is_dead(host) && !still_probed(host)) return std::nullopt;
  if (host.tokens < 1 || tokens_ < 1) {
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
  host.tokens -= 1;
  tokens_ -= 1;
  ++counts_.retries;
  return when;
}

}  // namespace fanout::fetch
