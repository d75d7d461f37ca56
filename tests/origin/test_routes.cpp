// Each endpoint, as it is on the wire.

#include <fanout/origin/content.hpp>

#include "origin/peer.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>

#include <poll.h>

namespace {

using namespace fanout::origin;
using namespace fanout::origin::testing;
namespace json = boost::json;
using clock = std::chrono::steady_clock;
using ::testing::HasSubstr;

struct endpoints : origin_test {
  response get(std::string_view target) { return peer(port()).get(target); }
};

TEST_F(endpoints, the_root_lists_every_endpoint) {
  const auto page = get("/");
  EXPECT_EQ(page.result_int(), 200u);
  for (const char* name :
       {"/bytes/N", "/delay/MS", "/chunked/N", "/close/N", "/status/CODE", "/redirect/N", "/redirect-to", "/headers",
        "/echo", "/reset", "/truncate", "/drip", "/never", "/garbage", "/keepalive-close"})
    EXPECT_THAT(page.body(), HasSubstr(name));
}

TEST_F(endpoints, bytes_are_the_known_content) {
  for (const std::size_t size : {0u, 1u, 100u, 65'535u, 65'536u, 65'537u, 1'000'000u}) {
    const auto page = get("/bytes/" + std::to_string(size));
    EXPECT_EQ(page.result_int(), 200u);
    EXPECT_EQ(page[http::field::content_length], std::to_string(size));
    EXPECT_EQ(page.body(), content(0, size));
  }
}

TEST_F(endpoints, chunks_hold_the_known_content) {
  for (const std::size_t size : {0u, 1u, 16'384u, 16'385u, 1'000'000u}) {
    const auto page = get("/chunked/" + std::to_string(size));
    EXPECT_TRUE(page.chunked());
    EXPECT_EQ(page.body(), content(0, size));
  }
  peer raw(port());
  raw.ask("/chunked/5?chunk=2", "GET", "Connection: close\r\n");
  EXPECT_THAT(raw.read_to_end().bytes, ::testing::EndsWith("\r\n\r\n2\r\nAB\r\n2\r\nCD\r\n1\r\nE\r\n0\r\n\r\n"));
}

TEST_F(endpoints, a_body_can_be_ended_by_the_connection) {
  for (const std::size_t size : {0u, 1000u, 200'000u}) {
    peer raw(port());
    raw.ask("/close/" + std::to_string(size));
    const auto all = raw.read_to_end();
    EXPECT_EQ(all.error, 0);
    const auto head_end = all.bytes.find("\r\n\r\n");
    ASSERT_NE(head_end, std::string::npos);
    EXPECT_THAT(all.bytes.substr(0, head_end), HasSubstr("connection: close"));
    EXPECT_THAT(all.bytes.substr(0, head_end), Not(HasSubstr("content-length")));
    EXPECT_EQ(all.bytes.substr(head_end + 4), content(0, size));
  }
}

TEST_F(endpoints, delays_as_long_as_asked) {
  const auto start = clock::now();
  EXPECT_EQ(get("/delay/60").body(), "waited 60 ms\n");
  EXPECT_GE(clock::now() - start, 60ms);
  EXPECT_EQ(get("/delay/0").result_int(), 200u);
}

TEST_F(endpoints, a_latency_beyond_the_end_of_the_clock_never_passes) {
  start({.latency = std::chrono::hours::max()});
  for (const char* target : {"/", "/delay/20"}) {
    peer one(port());
    one.ask(target);
    pollfd answered{one.descriptor(), POLLIN, 0};
    EXPECT_EQ(poll(&answered, 1, 30), 0) << target;
  }
}

TEST_F(endpoints, latency_delays_every_response) {
  start({.latency = 30ms});
  for (const char* target : {"/", "/bytes/5", "/status/404", "/no-such", "/chunked/5"}) {
    peer one(port());
    const auto begin = clock::now();
    one.get(target);
    EXPECT_GE(clock::now() - begin, 30ms) << target;
  }
  const auto begin = clock::now();
  peer(port()).get("/delay/20");
  EXPECT_GE(clock::now() - begin, 50ms);
}

TEST_F(endpoints, any_status) {
  for (const unsigned code : {200u, 204u, 304u, 404u, 418u, 429u, 503u, 599u, 999u}) {
    peer one(port());
    const auto page = one.get("/status/" + std::to_string(code));
    EXPECT_EQ(page.result_int(), code);
    EXPECT_EQ(page.body().empty(), code == 204 || code == 304);
    EXPECT_EQ(one.get("/bytes/2").body(), "AB") << "after " << code;  // nothing was left on the connection
  }
}

TEST_F(endpoints, redirects_count_down) {
  const auto first = get("/redirect/2");
  EXPECT_EQ(first.result_int(), 302u);
  EXPECT_EQ(first[http::field::location], "/redirect/1");
  EXPECT_EQ(get("/redirect/1")[http::field::location], "/redirect/0");
  const auto last = get("/redirect/0");
  EXPECT_EQ(last.result_int(), 200u);
  EXPECT_EQ(last.count(http::field::location), 0u);
}

TEST_F(endpoints, redirects_anywhere) {
  const auto page = get("/redirect-to?url=https%3A%2F%2Fexample.com%3A1%2Fa%3Fb%3Dc%26d&status=308");
  EXPECT_EQ(page.result_int(), 308u);
  EXPECT_EQ(page[http::field::location], "https://example.com:1/a?b=c&d");
  EXPECT_EQ(get("/redirect-to?url=/x").result_int(), 302u);
  EXPECT_EQ(get("/redirect-to").result_int(), 400u);
  EXPECT_EQ(get("/redirect-to?url=%zz").result_int(), 400u);
  EXPECT_EQ(get("/redirect-to?url=/x&status=200").result_int(), 400u);
  const auto split = get("/redirect-to?url=/x%0d%0aset-cookie:%20a=b");
  EXPECT_EQ(split.result_int(), 400u);
  EXPECT_EQ(split.count(http::field::set_cookie), 0u);
}

TEST_F(endpoints, headers_come_back_as_json) {
  peer one(port());
  one.ask("/headers", "GET", "X-One: 1\r\nx-two: a\r\nX-TWO: b\r\nX-Latin: caf\xe9\r\n");
  const auto page = one.read_response();
  EXPECT_EQ(page[http::field::content_type], "application/json");
  const json::object headers = json::parse(page.body()).as_object();
  EXPECT_EQ(headers.at("Host"), "localhost");
  EXPECT_EQ(headers.at("X-One"), "1");
  EXPECT_EQ(headers.at("x-two"), "a, b");
  EXPECT_EQ(headers.at("X-Latin"), "caf\xc3\xa9");
  EXPECT_EQ(headers.size(), 4u);
}

TEST_F(endpoints, echo_returns_the_request) {
  peer one(port());
  one.ask("/echo?q=%20", "PATCH", "Content-Length: 5\r\n");
  one.send("hello");
  const json::object all = json::parse(one.read_response().body()).as_object();
  EXPECT_EQ(all.at("method"), "PATCH");
  EXPECT_EQ(all.at("target"), "/echo?q=%20");
  EXPECT_EQ(all.at("version"), "1.1");
  EXPECT_EQ(all.at("headers").at("Content-Length"), "5");
  EXPECT_EQ(all.at("body"), "hello");

  one.ask("/echo", "MADE-UP", "Transfer-Encoding: chunked\r\n");
  one.send("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  const json::object chunked = json::parse(one.read_response().body()).as_object();
  EXPECT_EQ(chunked.at("method"), "MADE-UP");
  EXPECT_EQ(chunked.at("body"), "abcde");
}

TEST_F(endpoints, echo_of_bytes_that_are_not_text_is_base64) {
  peer one(port());
  one.ask("/echo", "POST", "Content-Length: 3\r\n");
  one.send(std::string_view("\xff\x00\xfe", 3));
  const json::object all = json::parse(one.read_response().body()).as_object();
  EXPECT_TRUE(all.at("body").is_null());
  EXPECT_EQ(all.at("body_base64"), "/wD+");
}

TEST_F(endpoints, a_large_request_body_arrives_whole) {
  peer one(port());
  const std::string body = content(3, 3'000'000);
  one.ask("/echo", "PUT", "Content-Length: " + std::to_string(body.size()) + "\r\n");
  std::thread sender([&] { one.send(body); });
  const auto page = one.read_response();
  sender.join();
  EXPECT_EQ(json::parse(page.body()).at("body").as_string(), body);
}

TEST_F(endpoints, the_client_is_told_to_continue) {
  peer one(port());
  one.ask("/echo", "POST", "Expect: 100-continue\r\nContent-Length: 2\r\n");
  char interim[25];
  ASSERT_EQ(::recv(one.descriptor(), interim, sizeof interim, MSG_WAITALL), 25);
  EXPECT_EQ(std::string_view(interim, 25), "HTTP/1.1 100 Continue\r\n\r\n");
  one.send("ok");
  EXPECT_EQ(json::parse(one.read_response().body()).at("body"), "ok");
}

TEST_F(endpoints, absolute_targets_are_understood) {
  EXPECT_EQ(get("http://example.com/bytes/3").body(), "ABC");
  EXPECT_THAT(get("http://example.com").body(), HasSubstr("/bytes/N"));
}

TEST_F(endpoints, what_does_not_exist_is_404) {
  for (const char* target : {"/no-such", "/bytesx/1", "/headers/1", "/echo/", "//"})
    EXPECT_EQ(get(target).result_int(), 404u) << target;
}

TEST_F(endpoints, wrong_arguments_are_400_and_say_what_is_accepted) {
  const auto page = get("/bytes/x");
  EXPECT_EQ(page.result_int(), 400u);
  EXPECT_EQ(page.body(), "N is a number from 0 to 10737418240, not 'x'\n");
  for (const char* target : {"/bytes", "/bytes/", "/bytes/-1", "/bytes/+1", "/bytes/1x", "/bytes/10737418241",
                             "/bytes/1/2", "/bytes/99999999999999999999999", "/delay/3600001", "/delay/x",
                             "/status/100", "/status/1000", "/status/abc", "/redirect/-1", "/chunked/5?chunk=0",
                             "/reset?after=x", "/truncate?bytes=5&length=5", "/drip?ms=-1", "/drip?bytes=%zz"})
    EXPECT_EQ(get(target).result_int(), 400u) << target;
}

TEST_F(endpoints, head_has_the_headers_of_get_and_no_body) {
  for (const char* target : {"/", "/bytes/100", "/bytes/1000000", "/chunked/100", "/chunked/1000000", "/status/404",
                             "/status/204", "/redirect/2", "/delay/1", "/drip?bytes=3&ms=1", "/no-such", "/bytes/x"}) {
    peer one(port());
    one.ask(target, "HEAD");
    const auto head = one.read_response(true);
    const auto page = one.get(target);  // on the same connection: had HEAD a body, this would not parse
    EXPECT_EQ(head.result_int(), page.result_int()) << target;
    for (const auto field : {http::field::content_length, http::field::content_type, http::field::transfer_encoding,
                             http::field::location})
      EXPECT_EQ(head[field], page[field]) << target;
  }
  peer raw(port());
  raw.ask("/close/100", "HEAD");
  EXPECT_THAT(raw.read_to_end().bytes, ::testing::EndsWith("\r\n\r\n"));
}

}  // namespace
