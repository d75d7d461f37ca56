#include "fetch/hash/crc32c.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using fanout::fetch::crc32c;

TEST(crc32c, has_the_values_of_rfc_3720) {  // appendix B.4
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  std::string counting;
  for (int i = 0; i < 32; ++i) counting += static_cast<char>(i);
  EXPECT_EQ(crc32c(counting), 0x46dd794eU);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(""), 0U);
}

TEST(crc32c, goes_on_from_the_bytes_in_front) {
  std::string text;
  for (int i = 0; i < 70; ++i) text += static_cast<char>(i * 37);
  for (std::size_t cut = 0; cut <= text.size(); ++cut)
    EXPECT_EQ(crc32c(std::string_view(text).substr(cut), crc32c(std::string_view(text).substr(0, cut))), crc32c(text));
}

TEST(crc32c, is_the_same_without_the_instruction) {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text += static_cast<char>(i * 101 + i / 7);
    EXPECT_EQ(crc32c(text), fanout::fetch::crc32c_by_tables(text));
    EXPECT_EQ(crc32c(text, 0x12345678U), fanout::fetch::crc32c_by_tables(text, 0x12345678U));
  }
}

}  // namespace
