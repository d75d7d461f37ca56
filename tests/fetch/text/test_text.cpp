#include "fetch/text/text.hpp"

#include <gtest/gtest.h>

namespace {

using namespace fanout::fetch;

TEST(fetch_text, utf8) {
  EXPECT_TRUE(is_utf8("gr\xc3\xbc\xc3\x9f"));
  EXPECT_FALSE(is_utf8("gr\xfc\xdf"));
  EXPECT_EQ(repaired("a\xff"
                     "b"),
            "a\xef\xbf\xbd"
            "b");
}

TEST(fetch_text, nothing_drives_the_terminal) {
  EXPECT_EQ(printable("a\x1b[2J\n"), "a\\x1b[2J\\x0a");
  EXPECT_EQ(printable("\xc2\x9b"), "\\x9b");
  EXPECT_EQ(printable("\xc3\xbc"), "\xc3\xbc");
}

TEST(fetch_text, tokens) {
  EXPECT_TRUE(is_token("X-One!"));
  for (const char* text : {"", "a b", "a:", "\xc3\xbc", "a\x7f"}) EXPECT_FALSE(is_token(text)) << text;
  EXPECT_TRUE(is_control('\n') && is_control('\x7f') && !is_control(' '));
}

}  // namespace
