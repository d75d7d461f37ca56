// Requests on one connection: in turn, in pieces, too large, and what is none.

#include <fanout/origin/content.hpp>

#include "origin/peer.hpp"

#include <gmock/gmock.h>

#include <sys/socket.h>

#include <string>
#include <string_view>
#include <thread>

namespace {

using namespace fanout::origin;
using namespace fanout::origin::testing;
using ::testing::HasSubstr;

struct connections : origin_test {};

TEST_F(connections, a_connection_serves_many_requests) {
  peer one(port());
  for (int i = 0; i < 50; ++i) ASSERT_EQ(one.get("/bytes/10").body(), content(0, 10));
  EXPECT_EQ(one.get("/chunked/10").body(), content(0, 10));
  EXPECT_EQ(one.get("/bytes/500000").body(), content(0, 500'000));
  EXPECT_EQ(one.get("/delay/1").result_int(), 200u);
  EXPECT_EQ(one.get("/no-such").result_int(), 404u);
  const auto seen = origin().statistics();
  EXPECT_EQ(seen.connections_accepted, 1u);
  EXPECT_EQ(seen.connections_open, 1u);
  EXPECT_EQ(seen.requests, 54u);
}

TEST_F(connections, pipelined_requests_are_answered_in_order) {
  peer one(port());
  std::string all;
  for (int i = 0; i < 500; ++i)
    all += "GET /" +
           std::string(i % 10 == 5   ? "delay/1"
                       : i % 10 == 7 ? "chunked/70000"
                                     : "bytes/") +
           (i % 10 == 5 || i % 10 == 7 ? "" : std::to_string(i)) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  std::thread sender([&] { one.send(all); });
  for (std::size_t i = 0; i < 500; ++i) {
    const auto page = one.read_response();
    const std::size_t size = i % 10 == 7 ? 70'000 : i;
    ASSERT_EQ(page.body(), i % 10 == 5 ? "waited 1 ms\n" : content(0, size)) << i;
  }
  sender.join();
  EXPECT_EQ(origin().statistics().requests, 500u);
}

TEST_F(connections, a_request_may_arrive_byte_by_byte) {
  peer one(port());
  const std::string_view request = "\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
  for (const char c : request) one.send({&c, 1});
  EXPECT_THAT(one.read_response().body(), HasSubstr(R"("body":"abc")"));
}

TEST_F(connections, the_connection_ends_when_the_client_asks_for_it) {
  peer one(port());
  one.ask("/bytes/3", "GET", "Connection: close\r\n");
  EXPECT_FALSE(one.read_response().keep_alive());
  EXPECT_EQ(one.read_to_end().error, 0);

  peer old(port());
  old.send("GET /chunked/3 HTTP/1.0\r\n\r\n");
  const auto all = old.read_to_end();
  EXPECT_THAT(all.bytes, ::testing::EndsWith("\r\n\r\nABC"));  // no chunks for 1.0
  EXPECT_EQ(all.error, 0);

  peer lasting(port());
  for (int i = 0; i < 2; ++i) {
    lasting.send("GET /bytes/3 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const auto page = lasting.read_response();
    EXPECT_EQ(page[http::field::connection], "keep-alive");
    EXPECT_EQ(page.body(), "ABC");
  }
}

TEST_F(connections, requests_sent_before_a_half_close_are_answered) {
  peer one(port());
  one.send("GET /bytes/3 HTTP/1.1\r\nHost: x\r\n\r\nGET /bytes/200000 HTTP/1.1\r\nHost: x\r\n\r\n");
  ::shutdown(one.descriptor(), SHUT_WR);
  EXPECT_EQ(one.read_response().body(), "ABC");
  EXPECT_EQ(one.read_response().body(), content(0, 200'000));
  EXPECT_EQ(one.read_to_end().error, 0);
}

TEST_F(connections, what_is_not_http_is_refused_with_a_reason) {
  for (const char* nonsense : {"hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nbad header\r\n\r\n",
                               "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"}) {
    peer one(port());
    one.send(nonsense);
    const auto page = one.read_response();
    EXPECT_EQ(page.result_int(), 400u) << nonsense;
    EXPECT_FALSE(page.keep_alive());
    ::shutdown(one.descriptor(), SHUT_WR);
    EXPECT_EQ(one.read_to_end().error, 0);
  }
}

TEST_F(connections, limits_on_requests_are_refusals_that_arrive) {
  start({.max_body_bytes = 1000});
  peer large(port());
  large.ask("/echo", "POST", "Content-Length: 100000\r\n");
  large.send(std::string(100'000, 'x'));  // closing at once would answer these with RST
  EXPECT_EQ(large.read_response().result_int(), 413u);
  ::shutdown(large.descriptor(), SHUT_WR);
  EXPECT_EQ(large.read_to_end().error, 0);

  peer exact(port());
  exact.ask("/echo", "POST", "Content-Length: 1000\r\n");
  exact.send(std::string(1000, 'x'));
  EXPECT_EQ(exact.read_response().result_int(), 200u);

  peer heavy(port());
  heavy.send("GET / HTTP/1.1\r\nX: " + std::string(100'000, 'x'));
  EXPECT_EQ(heavy.read_response().result_int(), 431u);
  ::shutdown(heavy.descriptor(), SHUT_WR);
  EXPECT_EQ(heavy.read_to_end().error, 0);
}

}  // namespace
