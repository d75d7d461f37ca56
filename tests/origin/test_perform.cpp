// The failures on demand, as they are on the wire.

#include <fanout/origin/content.hpp>

#include "origin/peer.hpp"

#include <gmock/gmock.h>

namespace {

using namespace fanout::origin;
using namespace fanout::origin::testing;
using clock = std::chrono::steady_clock;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct failures : origin_test {};

TEST_F(failures, reset_before_the_first_byte) {
  peer one(port());
  one.ask("/reset");
  const auto all = one.read_to_end();
  EXPECT_EQ(all.bytes, "");
  EXPECT_EQ(all.error, ECONNRESET);
}

TEST_F(failures, reset_at_every_offset_of_a_response) {
  peer whole(port());
  whole.ask("/reset?bytes=20&after=1000000");
  const auto complete = whole.read_to_end();
  EXPECT_EQ(complete.error, ECONNRESET);
  EXPECT_THAT(complete.bytes, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(complete.bytes, EndsWith("\r\n\r\n" + content(0, 20)));
  for (std::size_t offset = 0; offset < complete.bytes.size(); ++offset) {
    peer one(port());
    one.ask("/reset?bytes=20&after=" + std::to_string(offset));
    const auto all = one.read_to_end();
    ASSERT_EQ(all.error, ECONNRESET) << "after " << offset;
    ASSERT_EQ(all.bytes, complete.bytes.substr(0, offset));
  }
}

TEST_F(failures, reset_after_a_body_that_fills_the_socket) {
  peer one(port());
  one.ask("/reset?bytes=1000000&after=900000");
  const auto all = one.read_to_end();
  EXPECT_EQ(all.error, ECONNRESET);
  EXPECT_EQ(all.bytes.size(), 900'000u);
}

TEST_F(failures, truncated_body_ends_in_order_but_early) {
  peer one(port());
  one.ask("/truncate?bytes=30");
  const auto all = one.read_to_end();
  EXPECT_EQ(all.error, 0);
  EXPECT_THAT(all.bytes, HasSubstr("content-length: 130\r\n"));
  EXPECT_THAT(all.bytes, EndsWith("\r\n\r\n" + content(0, 30)));

  peer large(port());
  large.ask("/truncate?bytes=200000&length=300000");
  EXPECT_THAT(large.read_to_end().bytes, EndsWith(content(0, 200'000)));

  peer parsed(port());
  parsed.ask("/truncate");
  try {
    parsed.read_response();
    ADD_FAILURE() << "half a body was taken for a whole one";
  } catch (const boost::system::system_error& failed) {
    EXPECT_EQ(failed.code(), http::error::partial_message);
  }
}

TEST_F(failures, drip_spreads_the_body_over_time) {
  peer one(port());
  const auto start = clock::now();
  one.ask("/drip?bytes=8&ms=10");
  const auto page = one.read_response();
  EXPECT_GE(clock::now() - start, 70ms);
  EXPECT_EQ(page.body(), content(0, 8));
  EXPECT_EQ(one.get("/drip?bytes=0&ms=1000").body(), "");
  EXPECT_EQ(one.get("/drip?bytes=5000&ms=0").body(), content(0, 5000));
}

TEST_F(failures, drip_sends_each_byte_as_it_is_due) {
  peer one(port());
  one.ask("/drip?bytes=2&ms=3600000");
  std::string seen;
  while (!seen.ends_with("\r\n\r\nA")) {  // the second byte is an hour away
    char byte = 0;
    ASSERT_EQ(one.read_some(&byte, 1), 1);
    seen += byte;
  }
  EXPECT_EQ(origin().statistics().requests_waiting, 1u);
}

TEST_F(failures, never_answers_nothing_until_the_server_closes) {
  peer one(port());
  one.ask("/never");
  ASSERT_TRUE(wait_until([&] { return origin().statistics().requests_waiting == 1; }));
  char byte = 0;
  EXPECT_EQ(::recv(one.descriptor(), &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
  origin().close();
  EXPECT_EQ(one.read_to_end().bytes, "");
}

TEST_F(failures, never_ends_when_the_peer_goes_away) {
  {
    peer one(port());
    one.ask("/never");
    ASSERT_TRUE(wait_until([&] { return origin().statistics().requests_waiting == 1; }));
  }
  EXPECT_TRUE(wait_until([&] { return origin().statistics().connections_open == 0; }));
  EXPECT_EQ(origin().statistics().requests_waiting, 0u);
}

TEST_F(failures, garbage_is_not_http) {
  peer one(port());
  one.ask("/garbage");
  const auto all = one.read_to_end();
  EXPECT_EQ(all.error, 0);
  EXPECT_NE(all.bytes, "");
  EXPECT_THAT(all.bytes, Not(StartsWith("HTTP/")));
  EXPECT_NE(all.bytes.find('\0'), std::string::npos);
}

TEST_F(failures, keep_alive_that_is_none) {
  peer one(port());
  const auto page = one.get("/keepalive-close");
  EXPECT_TRUE(page.keep_alive());
  EXPECT_EQ(page[http::field::connection], "keep-alive");
  const auto rest = one.read_to_end();
  EXPECT_EQ(rest.bytes, "");
  EXPECT_EQ(rest.error, 0);
}

TEST_F(failures, a_client_that_leaves_in_mid_delay_is_noticed) {
  {
    peer one(port());
    one.ask("/delay/3600000");
    ASSERT_TRUE(wait_until([&] { return origin().statistics().requests_waiting == 1; }));
  }
  EXPECT_TRUE(wait_until([&] { return origin().statistics().connections_open == 0; }));
}

TEST_F(failures, a_client_that_resets_in_mid_body_harms_nobody) {
  {
    peer one(port());
    one.ask("/bytes/1000000000");
    char part[1000];
    ASSERT_GT(one.read_some(part, sizeof part), 0);
    one.reset();
  }
  EXPECT_TRUE(wait_until([&] { return origin().statistics().connections_open == 0; }));
  EXPECT_EQ(peer(port()).get("/bytes/3").body(), "ABC");
}

}  // namespace
