#include <fanout/fetch/csv_reader.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace {

using fanout::fetch::csv_reader;
using testing::ElementsAre;
using rows = std::vector<std::vector<std::string>>;

/// Fed in pieces of that size.
rows rows_of(const std::string& text, std::size_t piece = 1'000'000, char separator = ',') {
  csv_reader table(separator);
  rows all;
  std::vector<std::string> row;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    table.feed(std::string_view(text).substr(at, piece));
    while (table.next(row)) all.push_back(row);
  }
  table.finish();
  while (table.next(row)) all.push_back(row);
  return all;
}

std::string csv_refusal(const std::string& text) {
  try {
    rows_of(text);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

TEST(csv_reader, reads_what_rfc_4180_writes) {
  EXPECT_EQ(rows_of("a,b\r\nc,d\r\n"), (rows{{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(rows_of("a,b\nc,d"), (rows{{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(rows_of("a,b\rc,d\r"), (rows{{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(rows_of("\"a,b\",\"c\"\"d\",\"e\r\nf\"\n"), (rows{{"a,b", "c\"d", "e\r\nf"}}));
  EXPECT_EQ(rows_of(",\n,,"), (rows{{"", ""}, {"", "", ""}}));
  EXPECT_EQ(rows_of("\"\"\n"), (rows{{""}}));
  EXPECT_EQ(rows_of("\"\""), (rows{{""}}));
  EXPECT_EQ(rows_of("\n\r\n\na\n\n\nb\n\n"), (rows{{"a"}, {"b"}})) << "blank lines are no rows";
  EXPECT_EQ(rows_of("\xef\xbb\xbfurl\nx\n"), (rows{{"url"}, {"x"}}));
  EXPECT_EQ(rows_of("a\"b,5\" disk\n"), (rows{{"a\"b", "5\" disk"}}));
  EXPECT_EQ(rows_of("a\tb,c\n\"d\te\"\tf\n", 1'000, '\t'), (rows{{"a", "b,c"}, {"d\te", "f"}}));
  EXPECT_EQ(rows_of(""), rows{});
  EXPECT_EQ(rows_of("\xef\xbb"), (rows{{"\xef\xbb"}}));
}

TEST(csv_reader, does_not_mind_where_bytes_are_cut) {
  const std::string text = "\xef\xbb\xbfurl,name\r\n\"a,\"\"b\"\"\",\"c\r\nd\"\r\n\r\n,\r\nlast,\"\"";
  const auto expected = rows_of(text);
  EXPECT_EQ(expected, (rows{{"url", "name"}, {"a,\"b\"", "c\r\nd"}, {"", ""}, {"last", ""}}));
  for (std::size_t piece = 1; piece <= text.size(); ++piece) EXPECT_EQ(rows_of(text, piece), expected) << piece;
}

TEST(csv_reader, says_in_which_line_something_is_wrong) {
  EXPECT_EQ(csv_refusal("a,b\n\nc,\"d\ne\n"), "line 3: a field in quotes does not end");
  EXPECT_EQ(csv_refusal("a\n\"b\"c\n"),
            "line 2: after a field in quotes comes neither a separator nor the end of the line");
  EXPECT_EQ(csv_refusal("a\n\"" + std::string(5'000'000, 'x')),
            "line 2: the row is longer than 4 MiB; is a quote not closed?");
  csv_reader table;
  std::vector<std::string> row;
  table.feed("a\r\n\r\n\"b\nb\"\nc\n");
  ASSERT_TRUE(table.next(row));
  EXPECT_EQ(table.line(), 1U);
  ASSERT_TRUE(table.next(row));
  EXPECT_EQ(table.line(), 3U);
  ASSERT_TRUE(table.next(row));
  EXPECT_EQ(table.line(), 5U);
  EXPECT_FALSE(table.next(row));
}

TEST(csv_reader, columns_have_names_and_numbers) {
  const std::vector<std::string> header{"id", "url", "1"};
  EXPECT_EQ(fanout::fetch::column_of(header, "url"), 1U);
  EXPECT_EQ(fanout::fetch::column_of(header, "2"), 1U);
  EXPECT_EQ(fanout::fetch::column_of(header, "1"), 2U) << "a name before a number";
  try {
    fanout::fetch::column_of(header, "link");
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "there is no column 'link'; there are: id, url, 1");
  }
  EXPECT_THROW(fanout::fetch::column_of(header, "4"), std::invalid_argument);
  EXPECT_THROW(fanout::fetch::column_of(header, "0"), std::invalid_argument);
}

}  // namespace
