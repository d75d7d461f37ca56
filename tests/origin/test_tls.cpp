#include <fanout/base/failure.hpp>
#include <fanout/origin/content.hpp>

#include "origin/peer.hpp"

#include <gmock/gmock.h>
#include <openssl/pem.h>

#include <filesystem>
#include <fstream>

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

TEST_F(tls_test, the_certificate_is_good_for_localhost_and_the_loopback_addresses) {
  EXPECT_THAT(origin().url(), StartsWith("https://127.0.0.1:"));
  EXPECT_THAT(origin().certificate_pem(), StartsWith("-----BEGIN CERTIFICATE-----"));
  EXPECT_EQ(secured("localhost").get("/bytes/3").body(), "ABC");
  for (const char* address : {"127.0.0.1", "::1"}) {
    peer one(port());
    EXPECT_EQ(one.secure(context_.get(), address), 1) << address;
    EXPECT_EQ(SSL_get_verify_result(one.ssl()), X509_V_OK);
  }
}

TEST_F(tls_test, it_is_good_for_nothing_else) {
  peer other(port());
  EXPECT_NE(other.secure(context_.get(), "example.com"), 1);
  EXPECT_EQ(SSL_get_verify_result(other.ssl()), X509_V_ERR_HOSTNAME_MISMATCH);
  const context_pointer distrustful(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_verify(distrustful.get(), SSL_VERIFY_PEER, nullptr);
  peer unknown(port());
  EXPECT_NE(unknown.secure(distrustful.get(), "localhost"), 1);
  EXPECT_EQ(SSL_get_verify_result(unknown.ssl()), X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
  const background another({.tls = true});
  EXPECT_NE(another.certificate_pem(), origin().certificate_pem());
  EXPECT_TRUE(wait_until([&] { return origin().statistics().tls_failed_handshakes == 2; }));
}

TEST_F(tls_test, every_supported_version_and_http_1_1_is_negotiated) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    SSL_CTX_set_min_proto_version(context_.get(), version);
    SSL_CTX_set_max_proto_version(context_.get(), version);
    SSL_CTX_set_alpn_protos(context_.get(), reinterpret_cast<const unsigned char*>("\x02h2\x08http/1.1"), 12);
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
  SSL_CTX_set_alpn_protos(context_.get(), reinterpret_cast<const unsigned char*>("\x02h2"), 3);
  EXPECT_EQ(secured().get("/bytes/3").body(), "ABC");
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

struct temporary_file {
  explicit temporary_file(const char* name)
      : path((std::filesystem::temp_directory_path() / (std::string(name) + "." + std::to_string(::getpid())))
                 .string()) {}
  ~temporary_file() { std::filesystem::remove(path); }
  std::string path;
};

/// Writes a certificate and its key, as a user would bring them.
void write_identity(const std::string& certificate_file, const std::string& key_file) {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const certificate = X509_new();
  X509_gmtime_adj(X509_getm_notBefore(certificate), -1000);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 100'000);
  X509_set_pubkey(certificate, key);
  X509_NAME* const name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_sign(certificate, key, EVP_sha256());
  BIO* const certificate_out = BIO_new_file(certificate_file.c_str(), "w");
  PEM_write_bio_X509(certificate_out, certificate);
  BIO_free(certificate_out);
  BIO* const key_out = BIO_new_file(key_file.c_str(), "w");
  PEM_write_bio_PrivateKey(key_out, key, nullptr, nullptr, 0, nullptr, nullptr);
  BIO_free(key_out);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

std::string refusal_of(options with) {
  try {
    background refused(std::move(with));
  } catch (const fanout::error& failed) {
    EXPECT_EQ(failed.kind(), fanout::failure_kind::tls);
    return failed.what();
  }
  return "nothing was thrown";
}

TEST(tls_identity, a_certificate_and_key_may_be_brought_along) {
  const temporary_file certificate("fanout-certificate"), key("fanout-key"), other("fanout-other"),
      other_key("fanout-other-key");
  write_identity(certificate.path, key.path);
  write_identity(other.path, other_key.path);
  const background one({.tls = true, .certificate_file = certificate.path, .key_file = key.path});
  const context_pointer context = trusting(one.certificate_pem());
  peer client(one.port());
  EXPECT_EQ(client.secure(context.get(), "localhost"), 1);
  EXPECT_EQ(client.get("/bytes/3").body(), "ABC");

  EXPECT_THAT(refusal_of({.tls = true, .certificate_file = "/no/such/file", .key_file = key.path}),
              HasSubstr("/no/such/file"));
  EXPECT_THAT(refusal_of({.tls = true, .certificate_file = certificate.path, .key_file = other_key.path}),
              HasSubstr(other_key.path));
  EXPECT_THAT(refusal_of({.tls = true, .certificate_file = certificate.path}), HasSubstr("key"));
}

}  // namespace
