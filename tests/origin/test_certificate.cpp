// The certificates that the origin shows: its own, and one that is brought along.

#include <fanout/base/failure.hpp>
#include <fanout/origin/content.hpp>

#include "origin/peer.hpp"

#include <gmock/gmock.h>
#include <openssl/pem.h>

#include <filesystem>

namespace {

using namespace fanout::origin;
using namespace fanout::origin::testing;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct certificates : origin_test {
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

TEST_F(certificates, the_certificate_is_good_for_localhost_and_the_loopback_addresses) {
  EXPECT_THAT(origin().url(), StartsWith("https://127.0.0.1:"));
  EXPECT_THAT(origin().certificate_pem(), StartsWith("-----BEGIN CERTIFICATE-----"));
  EXPECT_EQ(secured("localhost").get("/bytes/3").body(), "ABC");
  for (const char* address : {"127.0.0.1", "::1"}) {
    peer one(port());
    EXPECT_EQ(one.secure(context_.get(), address), 1) << address;
    EXPECT_EQ(SSL_get_verify_result(one.ssl()), X509_V_OK);
  }
}

TEST_F(certificates, it_is_good_for_nothing_else) {
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

TEST(brought_identity, a_certificate_and_key_may_be_brought_along) {
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
