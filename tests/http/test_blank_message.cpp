#include "http/message/blank_message.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace fanout::http;

request used_request() {
  request used;
  used.method = "POST";
  used.url = url("http://a.example/");
  used.headers = {{"X-Old", "1"}};
  used.without = {"Accept"};
  used.body = "old";
  used.body_from = body_source::file("old");
  used.expect_continue = true;
  used.keep_body = false;
  used.observer = reinterpret_cast<exchange_observer*>(&used);
  return used;
}

// Every member, so that a new one that is forgotten is seen.
TEST(blank_message, a_request_is_as_new_but_for_its_url) {
  request one = used_request();
  make_blank(one);
  const auto& [method, address, fields, without, body, body_from, expect_continue, keep_body, observer] = one;
  EXPECT_EQ(method, "GET");
  EXPECT_EQ(address.str(), "http://a.example/");
  EXPECT_TRUE(fields.empty());
  EXPECT_TRUE(without.empty());
  EXPECT_EQ(body, "");
  EXPECT_TRUE(body_from.empty());
  EXPECT_FALSE(expect_continue);
  EXPECT_TRUE(keep_body);
  EXPECT_EQ(observer, nullptr);
}

TEST(blank_message, a_response_keeps_what_belongs_to_the_exchange_and_its_memory) {
  response one;
  one.status = 404;
  one.version = http_version::v2;
  one.reason = "Not Found";
  one.headers = {{"X-Old", "1"}};
  one.body.assign(1000, 'x');
  one.body_cut = true;
  one.body_bytes = one.coded_bytes = 1000;
  one.trailers = {{"X-End", "1"}};
  one.url = url("http://a.example/");
  one.history.push_back({302, url("http://b.example/"), {}});
  one.measured.attempts = 2;
  make_blank(one);
  const auto& [status, version, reason, fields, body, body_cut, body_bytes, coded_bytes, trailers, address, history,
               measured] = one;
  EXPECT_EQ(status, 0);
  EXPECT_EQ(version, http_version::v1_1);
  EXPECT_EQ(reason, "Not Found") << "the parser assigns it";
  EXPECT_TRUE(fields.empty());
  EXPECT_EQ(body, "");
  EXPECT_GE(body.capacity(), 1000u);
  EXPECT_FALSE(body_cut);
  EXPECT_EQ(body_bytes + coded_bytes, 0u);
  EXPECT_TRUE(trailers.empty());
  EXPECT_EQ(address.str(), "http://a.example/");
  EXPECT_EQ(history.size(), 1u);
  EXPECT_EQ(measured.attempts, 2);
}

TEST(blank_message, a_head_goes_and_the_body_goes_on) {
  response one;
  one.status = 200;
  one.version = http_version::v2;
  one.reason = "OK";
  one.headers = {{"A", "1"}};
  one.body = "begun";
  one.measured.attempts = 1;
  const response head = take_head_of(one);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.version, http_version::v2);
  EXPECT_EQ(head.reason, "OK");
  EXPECT_EQ(head.headers["a"], "1");
  EXPECT_EQ(head.measured.attempts, 1);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(one.body, "begun");
  EXPECT_EQ(one.status, 200);
}

}  // namespace
