// What proxies may say, in whatever pieces.
#include <fanout/base/failure.hpp>

#include "http/proxy/proxy_handshake.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace std::string_literals;
using fanout::error;
using fanout::failure_kind;
using namespace fanout::http;
using testing::HasSubstr;

struct conversation {
  std::string said;  ///< by us
  bool done = false;
  std::string failed;
};

conversation talk(proxy_handshake& handshake, const std::string& answer, std::size_t piece) {
  conversation result;
  const auto take_output = [&] { result.said += std::exchange(handshake.output(), {}); };
  take_output();
  try {
    for (std::size_t at = 0; at < answer.size(); at += piece) {
      handshake.put(std::string_view(answer).substr(at, piece));
      take_output();
    }
  } catch (const error& thrown) {
    EXPECT_EQ(thrown.kind(), failure_kind::connect);
    result.failed = thrown.what();
  }
  result.done = handshake.done();
  return result;
}

// However the bytes are cut, the conversation is the same.
template <class Make>
conversation talk_in_pieces(Make make, const std::string& answer) {
  const auto whole = talk(*make(), answer, answer.size() + 1);
  for (std::size_t piece = 1; piece <= answer.size(); ++piece) {
    const auto cut = talk(*make(), answer, piece);
    EXPECT_EQ(cut.failed.empty(), whole.failed.empty()) << "in pieces of " << piece;
    EXPECT_EQ(cut.done || !cut.failed.empty(), whole.done || !whole.failed.empty());
    if (whole.failed.empty()) {
      EXPECT_EQ(cut.said, whole.said);
    }
  }
  return whole;
}

conversation connect_through(const std::string& answer, const char* named = "http://proxy.test:3128") {
  const auto proxy = parse_proxy(named);
  return talk_in_pieces([&] { return make_http_connect_handshake(proxy, "a.test:443"); }, answer);
}

TEST(connect, asks_and_is_granted) {
  const auto plain = connect_through("HTTP/1.1 200 Connection established\r\nServer: x\r\n\r\n");
  EXPECT_TRUE(plain.done);
  EXPECT_EQ(plain.said, "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n");
  EXPECT_TRUE(connect_through("HTTP/1.0 200 OK\r\n\r\n").done);
  EXPECT_TRUE(connect_through("HTTP/1.1 204\r\nContent-Length: 5\r\n\r\n").done);
  EXPECT_TRUE(connect_through("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n").done);
  EXPECT_THAT(connect_through("HTTP/1.1 200 OK\r\n\r\n", "u:p@proxy.test").said,
              HasSubstr("Proxy-Authorization: Basic dTpw\r\n"));
}

// What follows the header is no HTTP, so nobody can read it as more of it: a proxy that writes LF alone is understood.
TEST(connect, takes_lines_that_end_in_lf_alone) {
  EXPECT_TRUE(connect_through("HTTP/1.1 200 OK\nServer: x\n\n").done);
  EXPECT_TRUE(connect_through("HTTP/1.1 200\n\n").done);
  EXPECT_TRUE(connect_through("HTTP/1.1 200 OK\r\nServer: x\n\r\n").done);
  EXPECT_TRUE(connect_through("HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\n\n").done);
  EXPECT_THAT(connect_through("HTTP/1.1 403 Forbidden\nX: y\n\n").failed, HasSubstr("(403 Forbidden)"));
  EXPECT_THAT(connect_through("HTTP/1.1 200 OK\n\nX: y\n\n").failed, HasSubstr("nobody asked for"));
  const auto proxy = parse_proxy("proxy.test");
  for (const char* const unfinished : {"HTTP/1.1 200 OK\n", "HTTP/1.1 200 OK\nX: y\n", "HTTP/1.1 200 OK\n\r"})
    EXPECT_FALSE(talk(*make_http_connect_handshake(proxy, "a.test:443"), unfinished, 1).done) << unfinished;
}

TEST(connect, is_refused_in_words) {
  EXPECT_THAT(connect_through("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").failed,
              HasSubstr("wants a user name and password"));
  EXPECT_THAT(connect_through("HTTP/1.1 407 No\r\n\r\n", "u:p@proxy.test").failed,
              HasSubstr("wants another user name"));
  EXPECT_THAT(connect_through("HTTP/1.1 403 Forbidden\r\n\r\n").failed,
              HasSubstr("refuses to connect to a.test:443 (403 Forbidden)"));
  EXPECT_THAT(connect_through("HTTP/1.1 101 Switching\r\n\r\n").failed, HasSubstr("101"));
  EXPECT_THAT(connect_through("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n").failed, HasSubstr("302"));
}

TEST(connect, stands_no_nonsense) {
  EXPECT_THAT(connect_through("SSH-2.0-OpenSSH\r\n").failed, HasSubstr("does not speak HTTP"));
  EXPECT_THAT(connect_through("HTTP/2.0 200 OK\r\n\r\n").failed, HasSubstr("does not speak HTTP"));
  EXPECT_THAT(connect_through("HTTP/1.1 2000 OK\r\n\r\n").failed, HasSubstr("malformed"));
  EXPECT_THAT(connect_through("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200").failed, HasSubstr("nobody asked for"));
  std::string interim;
  for (int i = 0; i < 20; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_THAT(connect_through(interim).failed, HasSubstr("interim"));
  const auto proxy = parse_proxy("proxy.test");
  const auto endless = talk(*make_http_connect_handshake(proxy, "a.test:443"),
                            "HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x'), 1000);
  EXPECT_THAT(endless.failed, HasSubstr("16384 bytes"));
}

TEST(connect, waits_for_the_rest) {
  const std::string answer = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
  const auto proxy = parse_proxy("proxy.test");
  for (std::size_t cut = 0; cut < answer.size(); ++cut) {
    const auto so_far = talk(*make_http_connect_handshake(proxy, "a.test:443"), answer.substr(0, cut), 7);
    EXPECT_FALSE(so_far.done) << cut;
    EXPECT_EQ(so_far.failed, "");
  }
}

conversation socks(const std::string& answer, const std::string& host = "a.test",
                   const char* named = "socks5h://proxy.test") {
  const auto proxy = parse_proxy(named);
  return talk_in_pieces([&] { return make_socks5_handshake(proxy, host, 443); }, answer);
}

const std::string connected = "\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"s;

TEST(socks5, names_the_host) {
  const auto named = socks("\x05\x00"s + connected);
  EXPECT_TRUE(named.done);
  EXPECT_EQ(named.said, "\x05\x01\x00"s + "\x05\x01\x00\x03\x06"s + "a.test\x01\xbb"s);
  EXPECT_EQ(socks("\x05\x00"s + connected, "1.2.3.4").said, "\x05\x01\x00\x05\x01\x00\x01\x01\x02\x03\x04\x01\xbb"s);
  EXPECT_EQ(socks("\x05\x00"s + connected, "::1").said,
            "\x05\x01\x00\x05\x01\x00\x04"s + std::string(15, '\0') + "\x01\x01\xbb"s);
  EXPECT_TRUE(socks("\x05\x00\x05\x00\x00\x03\x03"s + "abc\x00\x50"s).done);
  EXPECT_TRUE(socks("\x05\x00\x05\x00\x00\x04"s + std::string(16, 'x') + "\x00\x50"s).done);
}

TEST(socks5, gives_name_and_password_when_asked) {
  const auto asked = socks("\x05\x02\x01\x00"s + connected, "a.test", "socks5h://user:pw@proxy.test");
  EXPECT_TRUE(asked.done);
  EXPECT_TRUE(asked.said.starts_with("\x05\x02\x00\x02\x01\x04user\x02pw\x05\x01"s));
  EXPECT_TRUE(socks("\x05\x00"s + connected, "a.test", "socks5h://user:pw@proxy.test").done);
  EXPECT_THAT(socks("\x05\x02\x01\x01"s, "a.test", "socks5h://user:pw@proxy.test").failed,
              HasSubstr("does not accept the user name and password"));
  EXPECT_THAT(socks("\x05\xff"s).failed, HasSubstr("wants a user name and password"));
  EXPECT_THAT(socks("\x05\x02"s).failed, HasSubstr("not offered"));
}

TEST(socks5, is_refused_in_words) {
  EXPECT_THAT(socks("\x05\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"s).failed,
              HasSubstr("does not connect to a.test:443: the connection was refused"));
  EXPECT_THAT(socks("\x05\x00\x05\x02"s).failed, HasSubstr("rules forbid"));
  EXPECT_THAT(socks("\x05\x00\x05\x63"s).failed, HasSubstr("number 99"));
}

TEST(socks5, stands_no_nonsense) {
  EXPECT_THAT(socks("HTTP/1.1 400 Bad Request\r\n").failed, HasSubstr("does not speak SOCKS 5"));
  EXPECT_THAT(socks("\x04\x00"s).failed, HasSubstr("does not speak SOCKS 5"));
  EXPECT_THAT(socks("\x05\x00\x05\x00\x00\x07\x00"s).failed, HasSubstr("type 7"));
  EXPECT_THAT(socks("\x05\x00"s + connected + "x").failed, HasSubstr("nobody asked for"));
}

}  // namespace
