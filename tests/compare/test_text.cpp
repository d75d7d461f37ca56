#include <fanout/compare/detail/text.hpp>

#include <gtest/gtest.h>

#include <string>

namespace fanout::detail {
namespace {

TEST(terminal_text, is_broken_between_words_where_there_are_any) {
  EXPECT_EQ(wrap("one two three", 7, 0), "one two\nthree");
  EXPECT_EQ(wrap("one two three", 8, 2), "  one two\n  three");
  EXPECT_EQ(wrap("abcdefgh", 3, 0), "abc\ndef\ngh");
  EXPECT_EQ(wrap("", 3, 2), "");
  EXPECT_EQ(wrap("one  two", 3, 0), "one\ntwo") << "no line begins with a blank";
  EXPECT_EQ(wrap("one two", 7, 0), "one two");
}

TEST(terminal_text, has_printable_ascii_alone) {
  EXPECT_EQ(printable(" ~az"), " ~az");
  EXPECT_EQ(printable("\x1b[31m\n"), "\\x1b[31m\\x0a");
  EXPECT_EQ(printable("\xc3\xa9\x7f"), "\\xc3\\xa9\\x7f");
  EXPECT_EQ(printable(std::string(1, '\0')), "\\x00");
}

}  // namespace
}  // namespace fanout::detail
