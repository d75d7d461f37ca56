#include "fetch/schedule/request_payload.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>

namespace {

using namespace fanout::fetch;
using namespace std::chrono_literals;

TEST(request_payload, a_plain_url_is_its_text_and_one_byte) {
  request plain;
  plain.url = "http://a/1";
  plain.index = 7;
  EXPECT_EQ(payload_of(plain).size(), plain.url.size() + 1);
  const request back = request_of_payload(payload_of(plain), 7);
  EXPECT_EQ(back.url, plain.url);
  EXPECT_EQ(back.method, "GET");
  EXPECT_EQ(back.index, 7U);
  EXPECT_FALSE(back.earlier);
}

TEST(request_payload, everything_else_comes_back_too) {
  request whole;
  whole.url = "http://a/1";
  whole.id = "id";
  whole.method = "POST";
  whole.headers = {{"A", "b"}};
  whole.body = "body";
  whole.extra = ",\"x\":1";
  whole.file = "00000001";
  whole.problem = "none";
  request back = request_of_payload(payload_of(whole), 3);
  EXPECT_EQ(back.id, "id");
  EXPECT_EQ(back.method, "POST");
  EXPECT_EQ(back.headers, whole.headers);
  EXPECT_EQ(back.body, "body");
  EXPECT_EQ(back.extra, whole.extra);
  EXPECT_EQ(back.file, "00000001");
  EXPECT_EQ(back.problem, "none");
  EXPECT_FALSE(back.earlier);
  // Each member alone makes a request that is no plain URL.
  for (const auto change : {+[](request& of) { of.id = "x"; }, +[](request& of) { of.method = "HEAD"; },
                            +[](request& of) { of.headers = {{"A", "b"}}; }, +[](request& of) { of.body = "x"; },
                            +[](request& of) { of.extra = "x"; }, +[](request& of) { of.file = "x"; },
                            +[](request& of) { of.problem = "x"; }, +[](request& of) { of.sha256 = "x"; },
                            +[](request& of) { of.mirrors = {"x"}; }}) {
    request one;
    one.url = "http://a/1";
    change(one);
    back = request_of_payload(payload_of(one), 0);
    EXPECT_EQ(payload_of(back), payload_of(one));
  }
}

TEST(request_payload, earlier_attempts_come_back) {
  earlier_attempts before;
  before.count = 2;
  before.begun = std::chrono::steady_clock::time_point(3h);
  before.last.status = 503;
  before.last.message = "busy";
  before.last.error = fanout::failure_kind::status;
  request tried;
  tried.url = "http://a/1";
  tried.earlier = std::make_shared<const earlier_attempts>(before);
  const request back = request_of_payload(payload_of(tried), 0);
  ASSERT_TRUE(back.earlier);
  EXPECT_EQ(back.earlier->count, 2U);
  EXPECT_EQ(back.earlier->begun, before.begun);
  EXPECT_EQ(back.earlier->last.status, 503);
  EXPECT_EQ(back.earlier->last.message, "busy");
  EXPECT_FALSE(back.earlier->is_final);
}

}  // namespace
