#include <fanout/base/detail/byte_scan.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace {

using namespace fanout::detail;

std::uint64_t word_of(const std::string& text) {
  std::uint64_t word = 0;
  std::memcpy(&word, text.data(), 8);
  return word;
}

// Bytes that borrow, or that a borrow could reach, stand around the one that is looked for.
TEST(byte_scan, finds_what_looking_at_each_byte_finds) {
  for (const char around : {'\0', '\x01', '\x1f', ' ', '!', '"', '#', '\x7e', '\x7f', '\x80', '\xa0', '\xff'})
    for (int byte = 0; byte < 256; ++byte)
      for (std::size_t at = 0; at < 8; ++at) {
        std::string text(8, around);
        text[at] = static_cast<char>(byte);
        const auto contains = [&](auto is) {
          return std::any_of(text.begin(), text.end(), [&](char c) { return is(static_cast<unsigned char>(c)); });
        };
        for (const std::uint8_t bound : {1, 0x20, 0x7f, 0x80})
          ASSERT_EQ(any_below(word_of(text), bound) != 0, contains([&](unsigned char c) { return c < bound; }))
              << byte << " at " << at << " among " << int{around} << ", below " << int{bound};
        for (const char c : {'\0', '"', '\\', '\x7f', '\xff'})
          ASSERT_EQ(any_equal(word_of(text), c) != 0,
                    contains([&](unsigned char each) { return each == static_cast<unsigned char>(c); }))
              << byte << " at " << at << " among " << int{around} << ", equal to " << int{c};
      }
}

TEST(byte_scan, looks_at_every_byte_of_a_text) {
  const auto is_odd = [](std::uint64_t word) { return any_equal(word, 'x'); };
  for (std::size_t size = 8; size < 40; ++size) {
    EXPECT_FALSE(any_eight(std::string(size, '.'), is_odd)) << size;
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, '.');
      text[at] = 'x';
      EXPECT_TRUE(any_eight(text, is_odd)) << at << " of " << size;
    }
  }
}

}  // namespace
