// JSON as a body, and out of one. Other character sets are in test_charset.cpp.
#include <fanout/base/failure.hpp>
#include <fanout/http/json.hpp>
#include <fanout/http/request.hpp>

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using fanout::error;
using fanout::failure_kind;
using namespace fanout::http;
using testing::HasSubstr;

response answer_of(std::string body) {
  response made;
  made.url = url("http://user:secret@h.test/a");
  made.body = std::move(body);
  return made;
}

std::string failure_of_json(const std::string& body) {
  try {
    json(answer_of(body));
  } catch (const error& thrown) {
    EXPECT_EQ(thrown.kind(), failure_kind::protocol);
    return thrown.what();
  }
  ADD_FAILURE() << "did not throw: " << body;
  return {};
}

TEST(json, is_read_whole) {
  EXPECT_EQ(boost::json::serialize(json(answer_of(" {\"a\": [1, null]}\r\n "))), "{\"a\":[1,null]}");
  EXPECT_EQ(json(answer_of("7")), 7);
}

TEST(json, says_where_a_body_is_none) {
  EXPECT_THAT(failure_of_json("{\"a\":x}"), HasSubstr("the body from http://h.test/a is no JSON: "));
  EXPECT_THAT(failure_of_json("{} []"), HasSubstr("more than one value at byte 3"));
  EXPECT_THAT(failure_of_json("{\"a\":"), HasSubstr("incomplete"));
  EXPECT_THAT(failure_of_json(""), HasSubstr("incomplete"));
  EXPECT_THAT(failure_of_json("<html>"), HasSubstr("at byte 0"));
}

TEST(json, is_set_with_its_type) {
  request what;
  set_json(what, {{"a", {1, 2}}, {"b", "\x01\""}});
  EXPECT_EQ(what.body, "{\"a\":[1,2],\"b\":\"\\u0001\\\"\"}");
  EXPECT_EQ(what.headers["content-type"], "application/json");
}

}  // namespace
