#pragma once

#include <array>
#include <cstdint>
#include <string_view>

/// \file
/// SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash of short texts that nobody can fill a table with who does
/// not know the key.
namespace fanout::fetch {

/// 128 bits. A key or a hash.
struct hash_128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const hash_128&, const hash_128&) = default;
  friend auto operator<=>(const hash_128&, const hash_128&) = default;
};

/// A key from the system's random numbers.
hash_128 random_key();

/// The key whose 16 bytes, little endian, these are.
hash_128 key_of(const std::array<unsigned char, 16>& bytes) noexcept;

/// 64 bits, as in the paper.
std::uint64_t siphash_64(std::string_view text, const hash_128& key) noexcept;

/// The variant of 128 bits, as the reference implementation has it.
hash_128 siphash_128(std::string_view text, const hash_128& key) noexcept;

}  // namespace fanout::fetch
