// TLS over a socket, and everything that works in the clear over it.

#include <fanout/origin/content.hpp>

#include "origin/peer.hpp"

#include <gmock/gmock.h>
#include <openssl/pem.h>

namespace {

using namespace fanout::origin;
using namespace fanout::origin::testing;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct tls_test : origin_test {
  void SetUp() override {
    start({.tls = true});
    context_ = trusting(origin().certificate_pem());
  }
  peer secured(const char* host = "localhost") {
    peer made(port());
    EXPECT_EQ(made.secure(context_.get(), host), 1);
    return made;
  }
  context_pointer context_;
};

TEST_F(tls_test, every_supported_version_and_http_1_1_is_negotiated) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    SSL_CTX_set_min_proto_version(context_.get(), version);
    SSL_CTX_set_max_proto_version(context_.get(), version);
    SSL_CTX_set_alpn_protos(context_.get(), reinterpret_cast<const unsigned char*>("\x05other\x08http/1.1"), 15);
    peer one = secured();
    EXPECT_EQ(SSL_version(one.ssl()), version);
    const unsigned char* protocol = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(one.ssl(), &protocol, &size);
    EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(protocol), size), "http/1.1");
    EXPECT_EQ(one.get("/bytes/100000").body(), content(0, 100'000));
  }
}

TEST_F(tls_test, a_client_without_a_common_protocol_is_served_all_the_same) {
  SSL_CTX_set_alpn_protos(context_.get(), reinterpret_cast<const unsigned char*>("\x05other"), 6);
  EXPECT_EQ(secured().get("/bytes/3").body(), "ABC");
}

TEST_F(tls_test, http_2_is_chosen_where_it_is_offered_and_switched_on) {
  SSL_CTX_set_alpn_protos(context_.get(), reinterpret_cast<const unsigned char*>("\x08http/1.1\x02h2"), 12);
  const auto chosen = [&](std::uint16_t from) {
    peer one(from);
    one.secure(context_.get(), "localhost");
    const unsigned char* protocol = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(one.ssl(), &protocol, &size);
    return std::string(reinterpret_cast<const char*>(protocol), size);
  };
  EXPECT_EQ(chosen(port()), "h2");
  const background old({.tls = true, .http_2 = false});
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_NONE, nullptr);
  EXPECT_EQ(chosen(old.port()), "http/1.1");
}

TEST_F(tls_test, sessions_are_resumed) {
  peer first = secured();
  first.get("/bytes/1");  // TLS 1.3 sends its tickets after the handshake
  SSL_SESSION* const session = SSL_get1_session(first.ssl());
  peer second(port());
  EXPECT_EQ(second.secure(context_.get(), "localhost", session), 1);
  SSL_SESSION_free(session);
  EXPECT_TRUE(SSL_session_reused(second.ssl()));
  EXPECT_EQ(second.get("/bytes/3").body(), "ABC");
  EXPECT_EQ(origin().statistics().tls_handshakes, 2u);
  EXPECT_EQ(origin().statistics().tls_resumed, 1u);
}

TEST_F(tls_test, everything_works_as_it_does_in_the_clear) {
  peer one = secured();
  for (int i = 0; i < 20; ++i) ASSERT_EQ(one.get("/bytes/10").body(), content(0, 10));
  EXPECT_EQ(one.get("/bytes/3000000").body(), content(0, 3'000'000));
  EXPECT_EQ(one.get("/chunked/300000").body(), content(0, 300'000));
  EXPECT_EQ(one.get("/delay/5").body(), "waited 5 ms\n");
  EXPECT_EQ(one.get("/drip?bytes=3&ms=2").body(), "ABC");
  std::string pipelined;
  for (int i = 0; i < 300; ++i) pipelined += "GET /bytes/7 HTTP/1.1\r\nHost: x\r\n\r\n";
  one.send(pipelined);
  for (int i = 0; i < 300; ++i) ASSERT_EQ(one.read_response().body(), content(0, 7));
  const std::string body = content(0, 200'000);
  one.ask("/echo", "POST", "Content-Length: 200000\r\n");
  one.send(body);
  EXPECT_THAT(one.read_response().body(), HasSubstr(body));
  EXPECT_EQ(origin().statistics().connections_accepted, 1u);
}

TEST_F(tls_test, failures_on_demand) {
  peer reset = secured();
  reset.ask("/reset");
  const auto nothing = reset.read_to_end();
  EXPECT_EQ(nothing.bytes, "");
  EXPECT_EQ(nothing.error, ECONNRESET);

  peer cut = secured();
  cut.ask("/reset?after=17");
  EXPECT_EQ(cut.read_to_end().bytes, "HTTP/1.1 200 OK\r\n");

  peer truncated = secured();
  truncated.ask("/truncate?bytes=3");
  const auto half = truncated.read_to_end();
  EXPECT_THAT(half.bytes, EndsWith("\r\n\r\nABC"));
  EXPECT_EQ(half.error, 0);  // close_notify was sent

  peer closing = secured();
  closing.ask("/close/3");
  const auto closed = closing.read_to_end();
  EXPECT_THAT(closed.bytes, EndsWith("\r\n\r\nABC"));
  EXPECT_EQ(closed.error, 0);
}

TEST_F(tls_test, a_client_that_leaves_in_mid_delay_is_noticed) {
  for (const bool politely : {true, false}) {
    {
      peer one = secured();
      one.ask("/delay/3600000");
      ASSERT_TRUE(wait_until([&] { return origin().statistics().requests_waiting == 1; }));
      if (politely) SSL_shutdown(one.ssl());
    }
    EXPECT_TRUE(wait_until([&] { return origin().statistics().connections_open == 0; }));
  }
}

TEST_F(tls_test, a_client_that_resets_in_mid_body_raises_no_signal) {
  peer one = secured();
  one.ask("/bytes/1000000000");
  char part[1000];
  ASSERT_GT(one.read_some(part, sizeof part), 0);
  one.reset();
  EXPECT_TRUE(wait_until([&] { return origin().statistics().connections_open == 0; }));
  EXPECT_EQ(secured().get("/bytes/3").body(), "ABC");
}

TEST_F(tls_test, what_is_not_tls_is_hung_up_on) {
  peer plain(port());
  plain.ask("/bytes/3");
  EXPECT_THAT(plain.read_to_end().bytes, Not(HasSubstr("HTTP/1.1")));
  EXPECT_TRUE(wait_until([&] { return origin().statistics().tls_failed_handshakes == 1; }));
  peer silent(port());  // in mid-handshake when the server closes
  ASSERT_TRUE(wait_until([&] { return origin().statistics().connections_open == 1; }));
}

}  // namespace
