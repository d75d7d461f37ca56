#pragma once

#include <cstdint>
#include <string_view>

/// \file
/// Which machine of several fetches which hosts.
namespace fanout::fetch {

/// The shard of a host, from 0 to `shards` - 1: SipHash-2-4 of 64 bits, with a key of 16 zero bytes, over the host in
/// lower case, modulo `shards`. It stays the same from version to version and from machine to machine, and all URLs of
/// a host are in one shard, so that its limits hold.
///
/// ```cpp
/// if (fetch::shard_of(url.host(), 8) == mine) add(url);
/// ```
///
/// `shards` is 1 or more. Thread safety: any thread.
std::uint32_t shard_of(std::string_view host, std::uint32_t shards);

}  // namespace fanout::fetch
