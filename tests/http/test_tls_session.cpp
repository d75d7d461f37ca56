#include "http/certificates.hpp"
#include "http/support.hpp"
#include "http/tls/tls_session.hpp"

#include <openssl/err.h>

#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::client_options;
using fanout_test::by_version::client;
using testing::HasSubstr;

class tls : public http_test {
 protected:
  client_options trusting() const {
    client_options options;
    options.ca_file = issuer_.ca_file();
    return options;
  }
  static client_options unchecked() {
    client_options options;
    options.verify_tls = false;
    return options;
  }
  fanout::failure failure_with(const certificate_options& certificate, const client_options& options,
                               std::string_view host = "127.0.0.1") {
    const auto context = issuer_.server(certificate);
    scripted_server server(always(ok("x")), context.get());
    return failure_of([&] { fetch(server.url("/", host), options); });
  }
  issuer issuer_;
};

TEST_F(tls, a_verified_exchange_by_address_and_by_name) {
  const auto context = issuer_.server();
  scripted_server server(always(ok("secret")), context.get());
  asio::io_context loop(1);
  const client through(trusting());
  EXPECT_EQ(get_on(loop, through, server.url()).body, "secret");
  EXPECT_EQ(get_on(loop, through, server.url("/", "localhost")).body, "secret");
  EXPECT_TRUE(get_on(loop, through, server.url()).measured.connection_reused);
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(tls, large_bodies_both_ways) {
  const auto context = issuer_.server();
  scripted_server server(
      [](peer& client, int) {
        for (auto got = client.read_request(); !got.empty(); got = client.read_request())
          client.send(ok(got.substr(got.find("\r\n\r\n") + 4)));
      },
      context.get());
  fanout::http::request what;
  what.method = "POST";
  what.url = fanout::http::url(server.url());
  for (int i = 0; i < 3'000'000; ++i) what.body += static_cast<char>(i % 251);
  asio::io_context loop(1);
  const auto sent = what.body;
  EXPECT_TRUE(run_on(loop, client(trusting()).send(std::move(what))).body == sent);
}

TEST_F(tls, an_unknown_issuer) {
  const auto failed = failure_with({}, {});
  EXPECT_EQ(failed.kind, failure_kind::tls);
  EXPECT_THAT(failed.message, HasSubstr("issuer is unknown"));
  EXPECT_THAT(failed.message, HasSubstr("--cacert"));
  EXPECT_THAT(failed.message, HasSubstr("-k"));
}

TEST_F(tls, a_self_signed_certificate) {
  const auto failed = failure_with({.self_signed = true}, trusting());
  EXPECT_EQ(failed.kind, failure_kind::tls);
  EXPECT_THAT(failed.message, HasSubstr("self-signed"));
}

TEST_F(tls, an_expired_certificate_and_one_not_yet_valid) {
  EXPECT_THAT(failure_with({.valid_from_s = -7200, .valid_until_s = -3600}, trusting()).message,
              HasSubstr("has expired"));
  EXPECT_THAT(failure_with({.valid_from_s = 3600, .valid_until_s = 7200}, trusting()).message,
              HasSubstr("not valid yet"));
}

TEST_F(tls, a_certificate_for_somebody_else) {
  const auto name = failure_with({.names = "DNS:example.org"}, trusting(), "localhost");
  EXPECT_EQ(name.kind, failure_kind::tls);
  EXPECT_THAT(name.message, HasSubstr("not for the host 'localhost'"));
  const auto address = failure_with({.names = "DNS:127.0.0.1,IP:127.0.0.2"}, trusting());
  EXPECT_EQ(address.kind, failure_kind::tls);
  EXPECT_THAT(address.message, HasSubstr("not for the address 127.0.0.1"));
}

TEST_F(tls, any_certificate_is_accepted_when_told_so) {
  for (const auto& certificate :
       {certificate_options{.self_signed = true}, certificate_options{.names = "DNS:example.org"},
        certificate_options{.valid_from_s = -7200, .valid_until_s = -3600}}) {
    const auto context = issuer_.server(certificate);
    scripted_server server(always(ok("x")), context.get());
    EXPECT_EQ(fetch(server.url(), unchecked()).body, "x");
  }
}

TEST_F(tls, connections_are_not_shared_between_settings) {
  const auto context = issuer_.server({.names = "DNS:example.org"});
  scripted_server server(always(ok("x")), context.get());
  asio::io_context loop(1);
  EXPECT_EQ(get_on(loop, client(unchecked()), server.url()).body, "x");
  // The idle connection was never verified: whoever verifies must not get it.
  EXPECT_EQ(failure_of([&] { get_on(loop, client(trusting()), server.url()); }).kind, failure_kind::tls);
  EXPECT_TRUE(get_on(loop, client(unchecked()), server.url()).measured.connection_reused);
}

TEST_F(tls, a_server_without_tls) {
  scripted_server server([](peer& client, int) {
    client.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    client.wait_until_closed();
  });
  const auto failed = failure_of([&] { fetch("https://127.0.0.1:" + std::to_string(server.port()) + "/"); });
  EXPECT_EQ(failed.kind, failure_kind::tls);
  EXPECT_THAT(failed.message, HasSubstr("does not speak TLS"));
}

TEST_F(tls, a_server_that_hangs_up_during_the_handshake) {
  scripted_server server([](peer&, int) {});
  const auto failed = failure_of([&] { fetch("https://127.0.0.1:" + std::to_string(server.port()) + "/"); });
  EXPECT_EQ(failed.kind, failure_kind::tls);
  EXPECT_THAT(failed.message, HasSubstr("handshake"));
}

TEST_F(tls, versions_below_1_2_are_refused) {
  const auto context = issuer_.server();
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_1_VERSION);
  scripted_server server(always(ok("x")), context.get());
  const auto failed = failure_of([&] { fetch(server.url(), unchecked()); });
  EXPECT_EQ(failed.kind, failure_kind::tls);
  EXPECT_THAT(failed.message, HasSubstr("no TLS version from 1.2 on"));
}

TEST_F(tls, a_body_that_ends_with_the_connection_needs_tls_own_end) {
  for (const bool polite : {true, false}) {
    const auto context = issuer_.server();
    scripted_server server(
        [polite](peer& client, int) {
          client.read_request();
          client.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nwhole?");
          if (polite) client.say_goodbye();
        },
        context.get());
    if (polite) {
      EXPECT_EQ(fetch(server.url(), trusting()).body, "whole?");
    } else {
      const auto failed = failure_of([&] { fetch(server.url(), trusting()); });
      EXPECT_EQ(failed.kind, failure_kind::protocol);
      EXPECT_THAT(failed.message, HasSubstr("may be cut short"));
    }
  }
}

TEST_F(tls, an_issuers_file_that_cannot_be_read) {
  client_options options;
  options.ca_file = "/nonexistent/ca.pem";
  const auto failed = failure_with({}, options);
  EXPECT_EQ(failed.kind, failure_kind::tls);
  EXPECT_THAT(failed.message, HasSubstr("/nonexistent/ca.pem"));
}

TEST_F(tls, an_issuers_file_replaces_the_systems_issuers) {
  // As in curl: who names an issuer gets that one and no other.
  const issuer other;
  client_options options;
  options.ca_file = other.ca_file();  // of the same name
  const auto failed = failure_with({}, options);
  EXPECT_EQ(failed.kind, failure_kind::tls);
  EXPECT_THAT(failed.message, HasSubstr("not signed by the issuer"));
}

TEST_F(tls, the_issuers_file_is_read_once_a_process) {
  const auto context = issuer_.server();
  scripted_server server(always(ok("x")), context.get());
  const fanout_test::temporary_directory directory;
  client_options options;
  options.ca_file = directory.write("ca.pem", read_file(issuer_.ca_file()));
  EXPECT_EQ(fetch(server.url(), options).body, "x");
  std::filesystem::remove(options.ca_file);
  EXPECT_EQ(fetch(server.url(), options).body, "x");
  options.resume_tls = false;  // other settings, the same issuers
  EXPECT_EQ(fetch(server.url(), options).body, "x");
}

TEST_F(tls, a_least_version_that_the_server_does_not_speak) {
  const auto context = issuer_.server();
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  scripted_server server(always(ok("x")), context.get());
  auto options = trusting();
  EXPECT_EQ(fetch(server.url(), options).body, "x");
  options.min_tls_version = fanout::http::tls_version::v1_3;
  const auto failed = failure_of([&] { fetch(server.url(), options); });
  EXPECT_EQ(failed.kind, failure_kind::tls);
  EXPECT_THAT(failed.message, HasSubstr("no TLS version from 1.3 on"));
}

TEST_F(tls, a_server_that_accepts_none_of_the_ciphers) {
  const auto context = issuer_.server();
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context.get(), "ECDHE-RSA-AES128-GCM-SHA256");  // its key is no RSA key
  scripted_server server(always(ok("x")), context.get());
  const auto failed = failure_of([&] { fetch(server.url(), trusting()); });
  EXPECT_EQ(failed.kind, failure_kind::tls);
  EXPECT_THAT(failed.message, HasSubstr("alert handshake_failure"));
}

TEST_F(tls, the_server_is_told_the_name_and_the_protocol) {
  const auto context = issuer_.server();
  struct seen {
    std::string name, protocols;
  } told;
  SSL_CTX_set_app_data(context.get(), &told);
  SSL_CTX_set_client_hello_cb(
      context.get(),
      [](SSL* ssl, int*, void*) {
        const unsigned char* bytes = nullptr;
        std::size_t size = 0;
        auto& name = static_cast<seen*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)))->name;
        name.clear();
        if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &size) == 1)
          name.assign(reinterpret_cast<const char*>(bytes) + 5, size - 5);  // behind two lengths and a type
        return SSL_CLIENT_HELLO_SUCCESS;
      },
      nullptr);
  SSL_CTX_set_alpn_select_cb(
      context.get(),
      [](SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered, unsigned count,
         void* to) {
        static_cast<seen*>(to)->protocols.assign(reinterpret_cast<const char*>(offered), count);
        *chosen = offered + 1;
        *size = offered[0];
        return SSL_TLSEXT_ERR_OK;
      },
      &told);
  scripted_server server(always(ok("x")), context.get());
  EXPECT_EQ(fetch(server.url("/", "localhost"), trusting()).body, "x");
  EXPECT_EQ(told.name, "localhost");
  EXPECT_EQ(told.protocols, "\x02h2\x08http/1.1");
  auto old = trusting();
  old.http_version = fanout::http::http_versions::http_1_1;
  EXPECT_EQ(fetch(server.url(), old).body, "x");
  EXPECT_EQ(told.protocols, "\x08http/1.1");
  EXPECT_EQ(told.name, "") << "an address is no server name (RFC 6066 section 3)";
}

TEST_F(tls, an_alert_of_the_handshake_reaches_the_server) {
  const auto context = fanout::http::tls_context::shared(fanout::http::tls_settings::of({}));
  const auto server_context = issuer_.server();
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
  {
    fanout::http::tls_session session(*context, {ends[0]}, "localhost", "key");
    const std::unique_ptr<SSL, decltype(&SSL_free)> server(SSL_new(server_context.get()), SSL_free);
    SSL_set_fd(server.get(), ends[1]);
    SSL_set_accept_state(server.get());
    session.handshake();
    SSL_do_handshake(server.get());
    EXPECT_EQ(session.handshake().state, fanout::http::io_state::failed);
    EXPECT_THAT(session.failure(), HasSubstr("issuer is unknown"));
    ERR_clear_error();
    EXPECT_EQ(SSL_do_handshake(server.get()), -1);
    EXPECT_EQ(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_UNKNOWN_CA);
    ERR_clear_error();
  }
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(tls, a_peer_that_is_gone_raises_no_signal) {
  const auto context = issuer_.server();
  scripted_server server([](peer&, int) {}, context.get());  // hangs up after the handshake
  fanout::http::request what;
  what.method = "POST";
  what.url = fanout::http::url(server.url());
  what.body.assign(4'000'000, 'x');
  asio::io_context loop(1);
  for (int i = 0; i < 20; ++i) {
    const auto failed = failure_of([&] { run_on(loop, client(trusting()).send(what)); });
    EXPECT_TRUE(failed.kind == failure_kind::protocol || failed.kind == failure_kind::tls) << failed.message;
  }
}

}  // namespace
