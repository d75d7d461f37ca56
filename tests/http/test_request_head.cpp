// The bytes of a request line and header. What servers receive in the end is in test_client.cpp.
#include <fanout/base/failure.hpp>

#include "http/h1/request_head.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace fanout::http;
using testing::HasSubstr;
using testing::Not;

request a_get(std::string_view address = "http://here.test/page?q") {
  request what;
  what.url = url(address);
  return what;
}

std::string head_of(const request& what, const body_announcement& body = {}, bool decodes = true) {
  std::string head;
  write_head(head, what, "tester", decodes, body);
  return head;
}

std::string refusal_of(const request& what, const body_announcement& body = {}) {
  try {
    head_of(what, body);
  } catch (const fanout::error& refused) {
    EXPECT_EQ(refused.kind(), fanout::failure_kind::invalid_request);
    return refused.what();
  }
  return {};
}

TEST(request_head, a_plain_get) {
  EXPECT_EQ(head_of(a_get()),
            "GET /page?q HTTP/1.1\r\nHost: here.test\r\nUser-Agent: tester\r\nAccept: */*\r\n"
            "Accept-Encoding: gzip, deflate, br, zstd\r\n\r\n");
  EXPECT_THAT(head_of(a_get("http://here.test:8080/")), HasSubstr("\r\nHost: here.test:8080\r\n"));
  EXPECT_THAT(head_of(a_get("http://[::1]/")), HasSubstr("\r\nHost: [::1]\r\n"));
}

// A request without fields of its own is written another way than one that has some.
TEST(request_head, a_plain_request_says_what_any_other_says) {
  for (const char* method : {"GET", "HEAD"})
    for (const char* address : {"http://here.test/page?q", "https://here.test:8443/", "http://[::1]:80/a%20b"})
      for (const bool decodes : {false, true}) {
        request what = a_get(address);
        what.method = method;
        const std::string plain = head_of(what, {}, decodes);
        what.without = {"X-Nothing"};
        EXPECT_EQ(plain, head_of(what, {}, decodes));
      }
  std::string behind = "what was there";
  write_head(behind, a_get(), "tester", true, {});
  EXPECT_EQ(behind, "what was there" + head_of(a_get()));
}

TEST(request_head, how_a_body_is_announced) {
  request what = a_get();
  what.method = "POST";
  EXPECT_THAT(head_of(what), HasSubstr("\r\nContent-Length: 0\r\n"));
  EXPECT_THAT(head_of(what, {true, 7}), HasSubstr("\r\nContent-Length: 7\r\n"));
  EXPECT_THAT(head_of(what, {true, {}}), HasSubstr("\r\nTransfer-Encoding: chunked\r\n"));
  EXPECT_THAT(head_of(what, {true, 7, true}), HasSubstr("\r\nExpect: 100-continue\r\n"));
  EXPECT_THAT(head_of(a_get()), Not(HasSubstr("Content-Length")));
}

TEST(request_head, own_fields_stand_instead_of_those_of_the_client) {
  request what = a_get();
  what.headers.add("host", "other.test");
  what.headers.add("USER-AGENT", "mine");
  what.headers.add("Range", "bytes=0-1");
  what.without = {"Accept"};
  EXPECT_EQ(head_of(what), "GET /page?q HTTP/1.1\r\nhost: other.test\r\nUSER-AGENT: mine\r\nRange: bytes=0-1\r\n\r\n");
}

TEST(request_head, what_two_readers_could_understand_differently_is_refused) {
  const auto with = [](std::string_view name, std::string_view value) {
    request what = a_get();
    what.headers.add(name, value);
    return what;
  };
  EXPECT_THAT(refusal_of(with("A", "b\r\nC: d")), HasSubstr("control character"));
  EXPECT_THAT(refusal_of(with("A b", "c")), HasSubstr("not a header name"));
  EXPECT_THAT(refusal_of(with("Transfer-Encoding", "chunked")), HasSubstr("Transfer-Encoding"));
  EXPECT_THAT(refusal_of(with("Content-Length", "1")), HasSubstr("contradicts"));
  EXPECT_THAT(refusal_of(with("Expect", "100-continue")), HasSubstr("expect_continue"));
  request twice = with("Host", "a.test");
  twice.headers.add("Host", "b.test");
  EXPECT_THAT(refusal_of(twice), HasSubstr("two Host headers"));
  request what = a_get();
  what.method = "GET /x HTTP/1.1\r\nA:";
  EXPECT_THAT(refusal_of(what), HasSubstr("not a request method"));
  what.method = "CONNECT";
  EXPECT_THAT(refusal_of(what), HasSubstr("CONNECT"));
}

TEST(request_head, which_methods_may_be_sent_twice) {
  for (const char* const method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
    EXPECT_TRUE(is_idempotent(method));
  for (const char* const method : {"POST", "PATCH", "get", "LOCK"}) EXPECT_FALSE(is_idempotent(method));
}

}  // namespace
