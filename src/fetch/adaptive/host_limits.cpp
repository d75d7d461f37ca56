#include "fetch/adaptive/host_limits.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace fanout::fetch {
namespace {

constexpr std::size_t most_states = 10'000;
/// A server that took something so lately is asked too fast, and is not down.
constexpr std::chrono::seconds lately{10};

}  // namespace

struct host_limits::host_state {
  explicit host_state(adaptive_limit::options how) : limit(how) {}

  adaptive_limit limit;
  request_pacer pacer;
  clock::time_point used{};
  clock::time_point accepted = clock::time_point::min();
};

host_limits::host_limits(options how)
    : how_(how), total_({.first = how.first, .most = how.most}), forget_at_(most_states) {
  how_.first_of_host = std::min(how_.first_of_host, how_.most_of_host);
}

std::shared_ptr<host_limits::host_state> host_limits::state_of(const std::string& host, clock::time_point now) {
  auto& state = hosts_[host];
  if (!state) {
    state =
        std::make_shared<host_state>(adaptive_limit::options{.first = how_.first_of_host, .most = how_.most_of_host});
    state->used = now;
    if (hosts_.size() > forget_at_) {
      const std::shared_ptr<host_state> kept = state;  // its own place may be given up otherwise
      forget_idle(now);
      return kept;
    }
  }
  return state;
}

/// Half of them, those that were not used for the longest time: so the walk is paid for by as many that come.
void host_limits::forget_idle(clock::time_point now) {
  std::vector<clock::time_point> used;
  used.reserve(hosts_.size());
  for (const auto& [name, state] : hosts_) used.push_back(state->used);
  const auto middle = used.begin() + static_cast<std::ptrdiff_t>(used.size() / 2);
  std::nth_element(used.begin(), middle, used.end());
  const auto before = std::min(*middle, now);
  std::erase_if(hosts_, [&](const auto& each) {
    return each.second->used <= before && each.second->limit.statistics().in_flight == 0 &&
           each.second.use_count() == 1;
  });
  forget_at_ = std::max(most_states, 2 * hosts_.size());  // those under way stay
}

host_limits::ticket host_limits::started(const std::string& host, std::uint32_t in_flight, clock::time_point now) {
  ticket made;
  made.total = total_.begin(now);
  const auto found = hosts_.find(host);
  if (found != hosts_.end())
    made.host = found->second;
  else if (in_flight >= how_.first_of_host && how_.first_of_host < how_.most_of_host)
    made.host = state_of(host, now);
  if (!made.host) return made;
  made.host->used = now;
  made.of_host = made.host->limit.begin(now);
  made.host->pacer.started(now);
  return made;
}

void host_limits::ended(const std::string& host, const ticket& of, const result& what, clock::time_point now) {
  const auto how = what.answered && !what.refused ? adaptive_limit::result::answered : adaptive_limit::result::ignored;
  total_.end(of.total, now, how);
  std::shared_ptr<host_state> state = of.host;
  if (state) state->limit.end(of.of_host, now, how);
  if (!state && !what.refused) return;
  if (!state) {
    // It had fewer in flight than cost a state, so nobody counted what it took. It is asked as if it had been as many;
    // what it takes from now on is counted, and says more after the next refusal.
    state = state_of(host, now);
    for (std::uint32_t i = 0; i < how_.first_of_host; ++i) state->pacer.accepted(now);
  }
  if (what.refused) {
    const bool too_fast = !what.is_503 || what.retry_after.count() > 0 ||
                          (state->accepted != clock::time_point::min() && now - state->accepted < lately);
    if (too_fast) state->pacer.refused(of.total.begun, now, what.retry_after);
  } else if (what.answered) {
    state->accepted = now;
    state->pacer.accepted(now);
  }
}

std::uint32_t host_limits::of_host(const std::string& host) const {
  const auto found = hosts_.find(host);
  return found == hosts_.end() ? how_.first_of_host : found->second->limit.limit();
}

host_limits::clock::time_point host_limits::next_start(const std::string& host) const {
  const auto found = hosts_.find(host);
  return found == hosts_.end() ? clock::time_point::min() : found->second->pacer.next_start();
}

std::vector<host_limit> host_limits::found(std::size_t most) const {
  std::vector<host_limit> all;
  all.reserve(hosts_.size());
  for (const auto& [name, state] : hosts_) all.push_back({name, state->limit.limit(), state->pacer.rate()});
  const auto kept = std::min(most, all.size());
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(kept);
  std::partial_sort(all.begin(), end, all.end(), [](const host_limit& l, const host_limit& r) {
    return l.in_flight != r.in_flight ? l.in_flight > r.in_flight : l.host < r.host;
  });
  all.resize(kept);
  return all;
}

}  // namespace fanout::fetch
