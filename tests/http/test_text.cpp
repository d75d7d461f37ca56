// Protocol text: ASCII, whatever the locale.
#include <fanout/http/detail/text.hpp>

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace {

using namespace fanout::http;
using namespace std::literals;

TEST(text, only_letters_of_ascii_have_a_case) {
  EXPECT_TRUE(equal_ignoring_case("Content-Length", "cONTENT-lENGTH"));
  EXPECT_FALSE(equal_ignoring_case("Content-Length", "Content-Lengt"));
  EXPECT_FALSE(equal_ignoring_case("@[", "`{")) << "32 apart, and no letters";
  EXPECT_FALSE(equal_ignoring_case("\xc4", "\xe4"));
}

TEST(text, controls_are_c0_and_del) {
  for (int i = 0; i < 256; ++i) EXPECT_EQ(is_control(static_cast<char>(i)), i < 0x20 || i == 0x7f) << i;
}

// RFC 9110 section 5.6.2.
TEST(text, tokens) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  for (int i = 0; i < 256; ++i) {
    const auto c = static_cast<char>(i);
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    EXPECT_EQ(is_token_char(c), alphanumeric || marks.find(c) != marks.npos) << i;
  }
  EXPECT_TRUE(is_token("X-Request-Id"));
  EXPECT_FALSE(is_token(""));
  EXPECT_FALSE(is_token("X Y"));
  EXPECT_FALSE(is_token("X:"));
}

TEST(text, printable_shows_bytes_that_a_terminal_would_obey) {
  EXPECT_EQ(printable("plain text ~"), "plain text ~");
  EXPECT_EQ(printable("a\x1b[31m\r\n\0\x7f\xc3\xa4"s), "a\\x1B[31m\\x0D\\x0A\\x00\\x7F\\xC3\\xA4");
  EXPECT_EQ(printable(std::string(200, 'x')), std::string(200, 'x'));
  EXPECT_EQ(printable(std::string(201, 'x')), std::string(200, 'x') + "...");
}

// RFC 4648 section 10.
TEST(text, base64) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("\xfb\xff\xfe"), "+//+");
}

}  // namespace
