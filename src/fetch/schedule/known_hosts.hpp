#pragma once

#include "fetch/robots/host_scout.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>

namespace fanout::fetch {

/// What was found out about hosts, for as long as it counts: robots.txt 24 hours (RFC 9309, 2.4), where it could not be
/// read 10 minutes, an address alone an hour. Of 100,000 hosts at most, besides those that are asked about.
///
/// Thread safety: none.
class known_hosts {
 public:
  using clock = std::chrono::steady_clock;
  static constexpr std::size_t most = 100'000;

  struct known_host {
    std::string origin;         ///< "http://host:port"
    bool asked_now = false;     ///< the answer is on its way
    clock::time_point until{};  ///< what was found counts
    host_scout::finding found;
  };

  known_host& operator[](const std::string& host) {
    if (hosts_.size() >= forget_at_ && !hosts_.contains(host)) {
      // Any half of them: they can be asked again.
      bool odd = false;
      std::erase_if(hosts_, [&](const auto& each) { return !each.second.asked_now && (odd = !odd); });
      forget_at_ = hosts_.size() + most / 2;
    }
    return hosts_[host];
  }
  /// Null: nothing was found out, or it was forgotten.
  const known_host* find(const std::string& host) const {
    const auto found = hosts_.find(host);
    return found == hosts_.end() || found->second.until == clock::time_point{} ? nullptr : &found->second;
  }
  void keep(host_scout::finding found, clock::time_point now) {
    known_host& of = (*this)[found.host];
    of.asked_now = false;
    of.until = now + lifetime(found);
    of.found = std::move(found);
  }
  std::size_t size() const noexcept { return hosts_.size(); }

 private:
  static std::chrono::seconds lifetime(const host_scout::finding& of) {
    if (of.robots_failed) return std::chrono::minutes(10);
    return of.robots ? std::chrono::hours(24) : std::chrono::hours(1);
  }

  std::unordered_map<std::string, known_host> hosts_;
  std::size_t forget_at_ = most;
};

}  // namespace fanout::fetch
