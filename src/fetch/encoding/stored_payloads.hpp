#pragma once

#include "fetch/hash/siphash.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

/// \file
/// Which payloads an archive has, and in which records.
namespace fanout::fetch {

/// The record of a payload, as a later one refers to it.
struct stored_payload {
  std::string record_id;
  std::string url;
  std::string date;
};

/// Remembers records by the digest of their payload, in bounded memory: in two halves, of which the older one is
/// forgotten when the newer one is full. So at least the last half of `most_bytes` is known, and it costs nothing to
/// look one up again.
///
/// Thread safety: none.
class stored_payloads {
 public:
  explicit stored_payloads(std::size_t most_bytes = std::size_t{64} << 20) : half_(most_bytes / 2) {}

  void add(std::string_view digest, const stored_payload& record);
  std::optional<stored_payload> find(std::string_view digest) const;

 private:
  struct hashed {
    std::size_t operator()(const hash_128& of) const noexcept { return static_cast<std::size_t>(of.low); }
  };
  /// Ids and dates of one length, without what all have in common.
  struct entry {
    std::array<char, 36> id;  ///< of "<urn:uuid:...>"
    std::array<char, 27> date;
    std::string url;
  };
  using table = std::unordered_map<hash_128, entry, hashed>;

  std::size_t half_;
  std::size_t bytes_ = 0;  ///< of the newer half, about
  table newer_;
  table older_;
  hash_128 key_ = random_key();
};

}  // namespace fanout::fetch
