// TLS with a real server.

#include "http/certificates.hpp"
#include "http/support.hpp"
#include "support/nginx.hpp"

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::client_options;
using fanout_test::by_version::client;
using testing::HasSubstr;
using testing::StartsWith;

/// The answer of `location` says what nginx knows of the connection.
class tls_nginx : public http_test {
 protected:
  std::string directives(const std::string& more = "") const {
    return "ssl_certificate " + server_.certificate + "; ssl_certificate_key " + server_.key +
           "; ssl_session_cache builtin:100; ssl_session_tickets on; keepalive_timeout 0;\n" + more +
           "location /seen { return 200 \"$ssl_protocol $ssl_session_reused $ssl_alpn_protocol $ssl_client_s_dn\"; }\n";
  }
  client_options trusting() const {
    client_options options;
    options.ca_file = issuer_.ca_file();
    return options;
  }
  issuer issuer_;
  temporary_directory directory_;
  certificate_files server_ = issuer_.files(directory_, "server");
};

TEST_F(tls_nginx, verified_with_alpn_and_resumed_under_both_versions) {
  for (const std::string version : {"TLSv1.2", "TLSv1.3"}) {
    const nginx server(directory_.path(), directives("ssl_protocols " + version + ";"));
    EXPECT_EQ(fetch(server.url("/seen"), trusting()).body, version + " . http/1.1 ");
    for (int i = 0; i < 3; ++i) EXPECT_EQ(fetch(server.url("/seen"), trusting()).body, version + " r http/1.1 ");
  }
}

TEST_F(tls_nginx, unknown_issuers_are_refused) {
  const nginx server(directory_.path(), directives());
  const auto failed = failure_of([&] { fetch(server.url("/seen")); });
  EXPECT_EQ(failed.kind, failure_kind::tls);
  EXPECT_THAT(failed.message, HasSubstr("issuer is unknown"));
}

TEST_F(tls_nginx, client_certificates) {
  const nginx server(directory_.path(),
                     directives("ssl_client_certificate " + issuer_.ca_file() + "; ssl_verify_client on;"));
  const auto without = fetch(server.url("/seen"), trusting());
  EXPECT_EQ(without.status, 400);
  EXPECT_THAT(without.body, HasSubstr("No required SSL certificate was sent"));

  const auto mine = issuer_.files(directory_, "client");
  auto options = trusting();
  options.certificate_file = mine.certificate;
  options.key_file = mine.key;
  const auto with = fetch(server.url("/seen"), options);
  EXPECT_EQ(with.status, 200);
  EXPECT_THAT(with.body, HasSubstr("CN=fanout test server"));

  // Who has no certificate does not get the session of one who has.
  EXPECT_EQ(fetch(server.url("/seen"), trusting()).status, 400);

  options.certificate_file = directory_.write("both.pem", read_file(mine.certificate) + read_file(mine.key));
  options.key_file.clear();
  EXPECT_EQ(fetch(server.url("/seen"), options).status, 200) << "one file may hold both";
}

TEST_F(tls_nginx, client_certificates_that_cannot_be_used) {
  const nginx server(directory_.path(), directives());
  const auto mine = issuer_.files(directory_, "client");
  const auto other = issuer_.files(directory_, "other");
  const auto failed_with = [&](const std::string& certificate, const std::string& key) {
    auto options = trusting();
    options.certificate_file = certificate;
    options.key_file = key;
    const auto failed = failure_of([&] { fetch(server.url("/seen"), options); });
    EXPECT_EQ(failed.kind, failure_kind::tls);
    return failed.message;
  };
  EXPECT_THAT(failed_with(directory_ / "none.pem", mine.key), HasSubstr("none.pem' cannot be read"));
  EXPECT_THAT(failed_with(mine.certificate, directory_ / "none.key"), HasSubstr("none.key' of the client certificate"));
  EXPECT_THAT(failed_with(mine.certificate, other.key), HasSubstr("does not belong to"));
  const std::string encrypted =
      "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "
      "AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
      "MTIzNDU2Nzg5MDEyMzQ1Ng==\n-----END EC PRIVATE KEY-----\n";
  EXPECT_THAT(failed_with(mine.certificate, directory_.write("encrypted.key", encrypted)), HasSubstr("is encrypted"));
}

TEST_F(tls_nginx, a_required_certificate_under_tls_1_3_is_named_in_the_failure) {
  const auto context = issuer_.server();
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  scripted_server server(always(ok("x")), context.get());
  const auto failed = failure_of([&] { fetch(server.url(), trusting()); });
  EXPECT_EQ(failed.kind, failure_kind::tls);
  EXPECT_THAT(failed.message, HasSubstr("asks for a client certificate"));
}

}  // namespace
