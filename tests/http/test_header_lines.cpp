#include "http/message/header_lines.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace {

using fanout::http::header_lines;
using fanout::http::headers;

TEST(header_lines, are_copied_once_and_read_as_any) {
  headers to;
  to.add("Before", "0");
  std::string buffer = "A: 1\r\nLonger:   two \r\nEmpty:\r\n";
  const std::string_view text = buffer;
  header_lines lines;
  EXPECT_FALSE(lines.begun());
  lines.add(to, text.substr(0, 1), text.substr(3, 1));
  lines.add(to, text.substr(6, 6), text.substr(16, 3));
  lines.add(to, text.substr(22, 5), text.substr(28, 0));
  EXPECT_TRUE(lines.begun());
  EXPECT_EQ(to.size(), 4u);
  EXPECT_EQ(to.bytes(), 7u + 2u + 9u + 5u);
  lines.end();
  EXPECT_FALSE(lines.begun());
  lines.end();
  buffer.assign(buffer.size(), '?');  // the buffer is another's now
  EXPECT_EQ(to["before"], "0");
  EXPECT_EQ(to["a"], "1");
  EXPECT_EQ(to["longer"], "two");
  EXPECT_TRUE(to.contains("empty"));
  EXPECT_EQ(to["empty"], "");

  // What comes later, of another piece and one by one.
  const std::string_view more = "B: 3\r\n";
  lines.add(to, more.substr(0, 1), more.substr(3, 1));
  lines.end();
  to.add("After", "4");
  EXPECT_EQ(to["b"], "3");
  EXPECT_EQ(to["after"], "4");
  EXPECT_EQ(to["longer"], "two");
}

TEST(header_lines, the_last_one_can_go_on) {
  headers to;
  const std::string_view text = "A: 1\r\nB: 2  \r\n";
  header_lines lines;
  lines.add(to, text.substr(0, 1), text.substr(3, 1));
  lines.add(to, text.substr(6, 1), text.substr(9, 1));
  lines.end();
  to.continue_last("and more");
  EXPECT_EQ(to["b"], "2 and more");
  EXPECT_EQ(to["a"], "1");
  EXPECT_EQ(to.bytes(), 2u + 11u);
  EXPECT_EQ(to.remove("a"), 1u);
  EXPECT_EQ(to["b"], "2 and more");
  EXPECT_EQ(to.bytes(), 11u);
}

}  // namespace
