// The words for what OpenSSL reports, without a connection. Whole handshakes that fail are in test_tls_session.cpp.
#include "http/tls/tls_errors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>

#include <cerrno>
#include <memory>

namespace {

using namespace fanout::http;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class tls_errors : public testing::Test {
 protected:
  void SetUp() override { ERR_clear_error(); }
  void TearDown() override { ERR_clear_error(); }

  std::string after(int reason, bool in_handshake = true, bool to_proxy = false) {
    ERR_clear_error();
    ERR_raise(ERR_LIB_SSL, reason);
    return describe_tls_failure(session_.get(), "h.test", to_proxy, in_handshake);
  }
  std::string with_certificate(long verdict, bool to_proxy = false) {
    SSL_set_verify(session_.get(), SSL_VERIFY_PEER, nullptr);
    SSL_set_verify_result(session_.get(), verdict);
    return after(SSL_R_CERTIFICATE_VERIFY_FAILED, true, to_proxy);
  }

  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
  std::unique_ptr<SSL, void (*)(SSL*)> session_{SSL_new(context_.get()), SSL_free};
};

TEST_F(tls_errors, of_certificates_say_what_to_do) {
  EXPECT_THAT(with_certificate(X509_V_ERR_CERT_HAS_EXPIRED), AllOf(HasSubstr("has expired"), HasSubstr("(-k)")));
  EXPECT_THAT(with_certificate(X509_V_ERR_HOSTNAME_MISMATCH), HasSubstr("not for the host 'h.test'"));
  EXPECT_THAT(with_certificate(X509_V_ERR_CERT_NOT_YET_VALID), HasSubstr("clock"));
  EXPECT_THAT(with_certificate(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT), HasSubstr("(--cacert)"));
  EXPECT_THAT(with_certificate(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, true),
              AllOf(HasSubstr("(--proxy-cacert)"), HasSubstr("(--proxy-insecure)"), Not(HasSubstr("(-k)"))));
  EXPECT_THAT(with_certificate(X509_V_ERR_PATH_LENGTH_EXCEEDED), HasSubstr("was not accepted (path length"));
}

TEST_F(tls_errors, of_certificates_nobody_checks_are_not_told) {
  SSL_set_verify_result(session_.get(), X509_V_ERR_CERT_HAS_EXPIRED);
  EXPECT_THAT(after(SSL_R_UNEXPECTED_EOF_WHILE_READING), HasSubstr("closed the connection during the handshake"));
}

TEST_F(tls_errors, of_alerts_say_what_the_server_said) {
  const auto alert = [&](int number, bool to_proxy = false) {
    return after(SSL_AD_REASON_OFFSET + number, true, to_proxy);
  };
  EXPECT_THAT(alert(SSL_AD_UNRECOGNIZED_NAME), HasSubstr("does not know the host by this name"));
  EXPECT_THAT(alert(TLS13_AD_CERTIFICATE_REQUIRED), HasSubstr("--cert"));
  EXPECT_THAT(alert(TLS13_AD_CERTIFICATE_REQUIRED, true), AllOf(HasSubstr("the proxy"), Not(HasSubstr("--cert"))));
  EXPECT_THAT(alert(SSL_AD_CERTIFICATE_REVOKED), HasSubstr("client certificate"));
  EXPECT_THAT(alert(SSL_AD_INTERNAL_ERROR), HasSubstr("'internal error'"));
}

TEST_F(tls_errors, of_what_is_no_tls_ask_for_the_scheme) {
  EXPECT_THAT(after(SSL_R_WRONG_VERSION_NUMBER), HasSubstr("is it an http:// address?"));
  EXPECT_THAT(after(SSL_R_WRONG_VERSION_NUMBER, false), Not(HasSubstr("http://")));
  EXPECT_THAT(after(SSL_R_UNSUPPORTED_PROTOCOL), HasSubstr("no TLS version from 1.2 on"));
  SSL_set_min_proto_version(session_.get(), TLS1_3_VERSION);
  EXPECT_THAT(after(SSL_R_TLSV1_ALERT_PROTOCOL_VERSION), HasSubstr("from 1.3 on"));
}

TEST_F(tls_errors, of_the_system_are_its_words) {
  EXPECT_EQ(openssl_reason(ERR_SYSTEM_FLAG | ENOENT), "No such file or directory");
  EXPECT_THAT(openssl_reason(ERR_PACK(77, 0, 4000)), HasSubstr("OpenSSL error 0x"));
}

}  // namespace
