#include <fanout/fetch/shard.hpp>

#include "fetch/hash/siphash.hpp"

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

}  // namespace fanout::fetch
