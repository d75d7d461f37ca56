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

/// `text` from the first eight bytes on of which `odd(word)` is not 0; fewer than eight bytes if that is nowhere so.
template <class Odd>
std::string_view after_eights(std::string_view text, Odd odd) noexcept {
  while (text.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), 8);
    if (odd(word) != 0) break;
    text.remove_prefix(8);
  }
  return text;
}

}  // namespace fanout::detail
