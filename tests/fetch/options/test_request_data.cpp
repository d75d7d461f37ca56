#include "fetch/options/request_data.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace {

using namespace fanout::fetch;
using fanout_test::temporary_directory;
using ::testing::HasSubstr;
using kind = data_piece::kind;

TEST(request_data, pieces_are_joined_in_order) {
  EXPECT_EQ(joined_data({{kind::form, "a=1"}, {kind::raw, "@b"}, {kind::urlencoded, "c=1&2"}, {kind::binary, "d"}}),
            "a=1&@b&c=1%262&d");
  EXPECT_EQ(joined_data({{kind::json, "[1,"}, {kind::json, "2]"}}), "[1,2]");
  EXPECT_EQ(joined_data({{kind::form, ""}, {kind::form, ""}}), "&");
}

TEST(request_data, what_is_encoded) {
  const temporary_directory directory;
  const std::string path = directory.write("x", "\xc3\xbc\n");
  const auto encoded = [](const std::string& text) { return joined_data({{kind::urlencoded, text}}); };
  EXPECT_EQ(encoded("a b"), "a+b");
  EXPECT_EQ(encoded("=a=b"), "a%3Db");
  EXPECT_EQ(encoded("n&m=a=b~"), "n&m=a%3Db~") << "the name is the caller's";
  EXPECT_EQ(encoded("@" + path), "%C3%BC%0A");
  EXPECT_EQ(encoded("n@" + path), "n=%C3%BC%0A");
  EXPECT_EQ(query_piece("a=b c"), "a=b+c");
  EXPECT_EQ(query_piece("+a=b%20c"), "a=b%20c");
}

TEST(request_data, files) {
  const temporary_directory directory;
  const std::string path = directory.write("x", std::string("a\r\n\0b\n", 6));
  EXPECT_EQ(joined_data({{kind::form, "@" + path}}), "ab");
  EXPECT_EQ(joined_data({{kind::binary, "@" + path}}), std::string("a\r\n\0b\n", 6));
  try {
    joined_data({{kind::urlencoded, "n@/no/such"}});
    FAIL();
  } catch (const std::invalid_argument& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("--data-urlencode: cannot read /no/such: No such file"));
  }
}

}  // namespace
