#include <fanout/origin/background.hpp>

#include "http/certificates.hpp"
#include "http/support.hpp"
#include "http/tls/tls_sessions.hpp"

namespace {

using namespace fanout_test;
using fanout::http::client_options;
using fanout::http::ssl_session;
using fanout::http::tls_session_cache;
using fanout_test::by_version::client;

/// A server that closes every connection after one response and counts the sessions it took up again. Its own session
/// keys differ from those of every other server.
class tls_sessions : public http_test, public testing::WithParamInterface<int> {
 protected:
  struct handshakes {
    std::atomic<int> full{0}, resumed{0};
  };
  static void count(const SSL* ssl, int where, int) {
    if ((where & SSL_CB_HANDSHAKE_DONE) == 0) return;
    auto* const counted = static_cast<handshakes*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    ++(SSL_session_reused(ssl) == 1 ? counted->resumed : counted->full);
  }
  server_tls make_server(handshakes& counted) {
    auto context = issuer_.server();
    SSL_CTX_set_app_data(context.get(), &counted);
    SSL_CTX_set_info_callback(context.get(), count);
    SSL_CTX_set_max_proto_version(context.get(), GetParam());
    constexpr unsigned char id[] = "test";
    SSL_CTX_set_session_id_context(context.get(), id, sizeof id);
    return context;
  }
  static void answer_once(peer& client, int) {
    if (client.read_request().empty()) return;
    client.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
    client.say_goodbye();
  }
  client_options trusting() const {
    client_options options;
    options.ca_file = issuer_.ca_file();
    return options;
  }
  issuer issuer_;
};

INSTANTIATE_TEST_SUITE_P(http, tls_sessions, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& of) { return of.param == TLS1_3_VERSION ? "tls_1_3" : "tls_1_2"; });

TEST_P(tls_sessions, are_resumed_by_later_connections_on_any_loop) {
  handshakes seen;
  const auto context = make_server(seen);
  scripted_server server(answer_once, context.get());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(fetch(server.url(), trusting()).body, "x");  // each on a loop of its own
  EXPECT_EQ(seen.full, 1);
  EXPECT_EQ(seen.resumed, 4);
}

TEST_P(tls_sessions, are_not_resumed_when_told_so) {
  handshakes seen;
  const auto context = make_server(seen);
  scripted_server server(answer_once, context.get());
  auto options = trusting();
  options.resume_tls = false;
  for (int i = 0; i < 3; ++i) fetch(server.url(), options);
  EXPECT_EQ(seen.full, 3);
}

TEST_P(tls_sessions, are_not_offered_to_other_hosts_or_under_other_settings) {
  handshakes seen;
  const auto context = make_server(seen);
  scripted_server server(answer_once, context.get());
  client_options unchecked;
  unchecked.verify_tls = false;
  fetch(server.url(), unchecked);
  fetch(server.url(), trusting());
  fetch(server.url("/", "localhost"), trusting());
  EXPECT_EQ(seen.full, 3) << "a session nobody verified must not stand in for a verified one";
  EXPECT_EQ(seen.resumed, 0);
  fetch(server.url("/", "localhost"), trusting());
  EXPECT_EQ(seen.resumed, 1);

  // A server that took the place of the first one cannot read its sessions, and is verified like any other.
  handshakes elsewhere;
  const auto other_context = make_server(elsewhere);
  scripted_server other(answer_once, other_context.get());
  fetch(other.url(), trusting());
  EXPECT_EQ(elsewhere.full, 1);
}

TEST(tls_session_resumption, with_the_origin) {
  fanout::origin::background origin({.tls = true});
  client_options options;
  options.verify_tls = false;
  for (int i = 0; i < 4; ++i) EXPECT_EQ(fetch(origin.url("/close/10"), options).body.size(), 10u);
  EXPECT_EQ(origin.statistics().tls_handshakes, 4u);
  EXPECT_EQ(origin.statistics().tls_resumed, 3u);
}

/// A session as a server would have sent it at `made`, for `lifetime` seconds.
ssl_session session_made(int version, std::time_t made, long lifetime = 300) {
  ssl_session session(SSL_SESSION_new());
  SSL_SESSION_set_protocol_version(session.get(), version);
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
  SSL_SESSION_set_time_ex(session.get(), made);
#else
  SSL_SESSION_set_time(session.get(), made);
#endif
  SSL_SESSION_set_timeout(session.get(), lifetime);
  constexpr unsigned char id[] = "id";
  SSL_SESSION_set1_id(session.get(), id, sizeof id);
  return session;
}

constexpr std::time_t at_first = 1'000'000;

TEST(session_cache, hands_out_tickets_of_1_3_once_and_sessions_of_1_2_again) {
  tls_session_cache cache;
  cache.put("a", session_made(TLS1_3_VERSION, at_first));
  cache.put("a", session_made(TLS1_3_VERSION, at_first));
  EXPECT_NE(cache.take("a", at_first), cache.take("a", at_first));
  EXPECT_EQ(cache.take("a", at_first), nullptr);
  cache.put("b", session_made(TLS1_2_VERSION, at_first));
  EXPECT_NE(cache.take("b", at_first), nullptr);
  EXPECT_NE(cache.take("b", at_first), nullptr);
  EXPECT_EQ(cache.take("c", at_first), nullptr);
  EXPECT_EQ(cache.size(), 1u);
  cache.forget("b");
  EXPECT_EQ(cache.take("b", at_first), nullptr);
  EXPECT_EQ(cache.size(), 0u);
}

TEST(session_cache, drops_what_has_expired) {
  tls_session_cache cache;
  cache.put("a", session_made(TLS1_2_VERSION, at_first, 300));
  EXPECT_NE(cache.take("a", at_first + 299), nullptr);
  EXPECT_EQ(cache.take("a", at_first + 300), nullptr);
  EXPECT_EQ(cache.size(), 0u);
  cache.put("a", session_made(TLS1_2_VERSION, at_first, 300));
  EXPECT_EQ(cache.take("a", at_first - 1), nullptr) << "the clock was set back";
}

TEST(session_cache, is_bounded_and_drops_the_keys_used_least) {
  tls_session_cache cache;
  for (std::size_t i = 0; i < 2 * tls_session_cache::most_per_key; ++i)
    cache.put("many", session_made(TLS1_3_VERSION, at_first));
  EXPECT_EQ(cache.size(), tls_session_cache::most_per_key);
  for (std::size_t i = 0; i < tls_session_cache::most_sessions; ++i) {
    cache.put(std::to_string(i), session_made(TLS1_2_VERSION, at_first));
    EXPECT_NE(cache.take("0", at_first), nullptr);
  }
  EXPECT_EQ(cache.size(), tls_session_cache::most_sessions);
  EXPECT_EQ(cache.take("many", at_first), nullptr);
  EXPECT_NE(cache.take("1", at_first), nullptr);
  cache.put("one more", session_made(TLS1_2_VERSION, at_first));
  EXPECT_NE(cache.take("0", at_first), nullptr);
  EXPECT_EQ(cache.take("2", at_first), nullptr);
}

}  // namespace
