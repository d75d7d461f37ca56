// Requests as JSON, with bytes that are no text.

#include "origin/describe.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace {

namespace json = boost::json;
using namespace fanout::origin;

request_type request(std::string_view body = "") {
  request_type made{boost::beast::http::verb::post, "/echo?x=1", 11};
  made.body() = body;
  return made;
}

std::string text(const json::value& value) {
  return std::string(value.as_string());
}

json::object described(const request_type& what) {
  const std::string text = describe_request(what);
  EXPECT_TRUE(text.ends_with("\n"));
  return json::parse(text).as_object();
}

TEST(describe, a_request_has_its_parts) {
  request_type made = request("abc");
  made.set("X-One", "1");
  const json::object got = described(made);
  EXPECT_EQ(text(got.at("method")), "POST");
  EXPECT_EQ(text(got.at("target")), "/echo?x=1");
  EXPECT_EQ(text(got.at("version")), "1.1");
  EXPECT_EQ(text(got.at("headers").at("X-One")), "1");
  EXPECT_EQ(text(got.at("body")), "abc");
  EXPECT_FALSE(got.contains("body_base64"));
}

TEST(describe, values_of_a_repeated_header_are_joined_under_the_first_spelling) {
  request_type made = request();
  made.insert("Accept", "a");
  made.insert("ACCEPT", "b");
  made.insert("accept", "");
  const json::object got = json::parse(describe_headers(made)).as_object();
  EXPECT_EQ(got.size(), 1U);
  EXPECT_EQ(text(got.at("Accept")), "a, b, ");
}

TEST(describe, a_header_that_is_not_utf_8_is_read_as_latin_1) {
  request_type made = request();
  made.set("X", "caf\xe9");
  EXPECT_EQ(text(described(made).at("headers").at("X")), "caf\xc3\xa9");
  made.set("X", "caf\xc3\xa9");
  EXPECT_EQ(text(described(made).at("headers").at("X")), "caf\xc3\xa9");
}

TEST(describe, a_body_that_is_not_utf_8_is_base64) {
  const json::object got = described(request(std::string_view("\xff\x00\xfe\x01", 4)));
  EXPECT_TRUE(got.at("body").is_null());
  EXPECT_EQ(text(got.at("body_base64")), "/wD+AQ==");
  EXPECT_EQ(text(described(request(std::string_view("a\0b", 3))).at("body")), std::string_view("a\0b", 3))
      << "a NUL is a character";
}

TEST(describe, characters_that_json_escapes_come_back) {
  const std::string odd = "\"\\\n\t\x01/";
  EXPECT_EQ(text(described(request(odd)).at("body")), odd);
}

}  // namespace
