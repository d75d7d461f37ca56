#include "fetch/text/wire_dump.hpp"

#include <gtest/gtest.h>

namespace {

using fanout::fetch::append_dump;

std::string dump(std::string_view bytes, bool in_hex = false) {
  std::string text;
  append_dump(text, "=> Send header", bytes, in_hex);
  return text;
}

// What curl 7.88 writes for the same bytes.
TEST(wire_dump, lines_of_a_header) {
  EXPECT_EQ(dump("GET /x HTTP/1.1\r\nHost: a\r\n\r\n"),
            "=> Send header, 28 bytes (0x1c)\n0000: GET /x HTTP/1.1\n0011: Host: a\n001a: \n");
  EXPECT_EQ(dump(""), "=> Send header, 0 bytes (0x0)\n");
}

TEST(wire_dump, long_lines_and_what_cannot_be_shown) {
  const std::string full(64, 'x');
  EXPECT_EQ(dump(full + "y\n\x7f\x1b"), "=> Send header, 68 bytes (0x44)\n0000: " + full + "\n0040: y...\n");
  EXPECT_EQ(dump(full + "\r\nz"), "=> Send header, 67 bytes (0x43)\n0000: " + full + "\n0042: z\n");
}

TEST(wire_dump, in_hexadecimal) {
  EXPECT_EQ(dump("GET /from-curl.m\r\n", true),
            "=> Send header, 18 bytes (0x12)\n"
            "0000: 47 45 54 20 2f 66 72 6f 6d 2d 63 75 72 6c 2e 6d GET /from-curl.m\n"
            "0010: 0d 0a                                           ..\n");
}

}  // namespace
