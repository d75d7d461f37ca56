#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

/// \file
/// Text that is nearly always harmless, looked at eight bytes at a time ("Bit Twiddling Hacks", Sean Eron Anderson).
/// Not for users.
namespace fanout::detail {

inline constexpr std::uint64_t each_byte_1 = 0x0101010101010101;

/// Not 0 when one of the eight bytes of `word` is below `bound`, which is at most 0x80: taking `bound` from it borrows
/// from its high bit. It may borrow from the next byte too, so the bits do not tell which bytes are below.
constexpr std::uint64_t any_below(std::uint64_t word, std::uint8_t bound) noexcept {
  return (word - bound * each_byte_1) & ~word & (0x80 * each_byte_1);
}

/// Not 0 when one of the eight bytes of `word` is `c`.
constexpr std::uint64_t any_equal(std::uint64_t word, char c) noexcept {
  return any_below(word ^ (static_cast<unsigned char>(c) * each_byte_1), 1);
}

/// Whether `odd(word)` is not 0 for any eight bytes of `text`, which has eight or more. The last ones may be looked at
/// twice.
template <class Odd>
bool any_eight(std::string_view text, Odd odd) noexcept {
  std::uint64_t word = 0;
  const char* const last = text.data() + text.size() - 8;
  for (const char* at = text.data(); at < last; at += 8) {
    std::memcpy(&word, at, 8);
    if (odd(word) != 0) return true;
  }
  std::memcpy(&word, last, 8);
  return odd(word) != 0;
}

}  // namespace fanout::detail
