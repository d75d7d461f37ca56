#pragma once

#include "fetch/schedule/timing_wheel.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fanout::fetch {

/// Addresses that hosts have, what is in flight to each, and the hosts that wait for one.
///
/// Thread safety: none.
class address_table {
 public:
  struct address {
    std::string name;
    std::uint32_t hosts = 0;  ///< that have it
    std::uint32_t in_flight = 0;
    id_list parked;
  };

  /// The address of that name, made if there is none; never 0.
  std::uint32_t find_or_add(std::string_view name) {
    const std::string key(name);
    const auto [at, made] = ids_.try_emplace(key, 0);
    if (!made) return at->second;
    if (free_.empty()) {
      addresses_.emplace_back();
      free_.push_back(static_cast<std::uint32_t>(addresses_.size() - 1));
    }
    at->second = free_.back();
    free_.pop_back();
    addresses_[at->second] = {};
    addresses_[at->second].name = key;
    return at->second;
  }
  /// Forgets an address that no host has and nothing goes to.
  void release(std::uint32_t id) {
    const address& unused = addresses_[id];
    if (unused.hosts != 0 || unused.in_flight != 0) return;
    ids_.erase(unused.name);
    free_.push_back(id);
  }
  address& operator[](std::uint32_t id) noexcept { return addresses_[id]; }

 private:
  std::unordered_map<std::string, std::uint32_t> ids_;
  std::vector<address> addresses_{1};
  std::vector<std::uint32_t> free_;
};

}  // namespace fanout::fetch
