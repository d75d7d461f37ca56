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
/// if (fetch::shard_of(fetch::host_in(url), 8) == mine) add(url);
/// ```
///
/// `shards` is 1 or more. Thread safety: any thread.
std::uint32_t shard_of(std::string_view host, std::uint32_t shards);

/// The host of a URL, as it is written, without user, port: "example.org", "[::1]". The
/// URL need not be valid; what has no host has an empty one. Hosts that are written in several ways are several.
std::string_view host_in(std::string_view url) noexcept;

/// A part of a job: the inputs whose hosts are in shard `index` of `count`.
struct shard {
  std::uint32_t index = 0;
  std::uint32_t count = 1;

  bool has(std::string_view url) const { return shard_of(host_in(url), count) == index; }
};

}  // namespace fanout::fetch
