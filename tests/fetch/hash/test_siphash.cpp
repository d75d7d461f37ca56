#include "fetch/hash/siphash.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace {

using fanout::fetch::hash_128;

hash_128 reference_key() {
  std::array<unsigned char, 16> bytes{};
  for (unsigned i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(i);
  return fanout::fetch::key_of(bytes);
}

/// The texts of the reference implementation: 0, 1, 2, ... as bytes.
std::string counting(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(i);
  return text;
}

TEST(siphash, has_the_values_of_the_reference_implementation) {  // vectors.h, vectors_sip64 and vectors_sip128
  const auto key = reference_key();
  EXPECT_EQ(fanout::fetch::siphash_64(counting(0), key), 0x726fdb47dd0e0e31U);
  EXPECT_EQ(fanout::fetch::siphash_64(counting(8), key), 0x93f5f5799a932462U);
  EXPECT_EQ(fanout::fetch::siphash_64(counting(15), key), 0xa129ca6149be45e5U);  // the paper's example
  EXPECT_EQ(fanout::fetch::siphash_128(counting(0), key), (hash_128{0xe6a825ba047f81a3U, 0x930255c71472f66dU}));
  EXPECT_EQ(fanout::fetch::siphash_128(counting(1), key), (hash_128{0x44af996bd8c187daU, 0x45fc229b11597634U}));
  EXPECT_EQ(fanout::fetch::siphash_128(counting(37), key), (hash_128{0x1a0efce601bf620dU, 0x2b69d3c551473c0dU}));
}

TEST(siphash, depends_on_every_byte_and_on_the_key) {
  const auto key = reference_key();
  const auto other = hash_128{key.low, key.high + 1};
  for (std::size_t size = 0; size < 40; ++size) {
    const auto text = counting(size);
    EXPECT_NE(fanout::fetch::siphash_128(text, key), fanout::fetch::siphash_128(text, other));
    EXPECT_NE(fanout::fetch::siphash_128(text, key), fanout::fetch::siphash_128(text + '\0', key));
    for (std::size_t at = 0; at < size; ++at) {
      auto changed = text;
      changed[at] = static_cast<char>(changed[at] ^ 0x40);
      EXPECT_NE(fanout::fetch::siphash_128(text, key), fanout::fetch::siphash_128(changed, key));
      EXPECT_NE(fanout::fetch::siphash_64(text, key), fanout::fetch::siphash_64(changed, key));
    }
  }
}

TEST(siphash, random_keys_differ) {
  EXPECT_NE(fanout::fetch::random_key(), fanout::fetch::random_key());
}

}  // namespace
