#include <fanout/fetch/shard.hpp>

#include "fetch/hash/siphash.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace fanout::fetch {

std::uint32_t shard_of(std::string_view host, std::uint32_t shards) {
  if (shards == 0) throw std::invalid_argument("a list is cut into 1 shard or more, not 0");
  std::string lower(host);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return static_cast<std::uint32_t>(siphash_64(lower, {}) % shards);
}

std::string_view host_in(std::string_view url) noexcept {
  if (const auto scheme = url.find("://"); scheme != url.npos) url.remove_prefix(scheme + 3);
  const char* const end = std::find_if(url.begin(), url.end(), [](char c) { return c == '/' || c == '?' || c == '#'; });
  url = url.substr(0, static_cast<std::size_t>(end - url.begin()));
  if (const auto user = url.rfind('@'); user != url.npos) url.remove_prefix(user + 1);
  const auto port = url.starts_with('[') ? std::min(url.find(']'), url.size() - 1) + 1 : url.find(':');
  return url.substr(0, port);
}

}  // namespace fanout::fetch
