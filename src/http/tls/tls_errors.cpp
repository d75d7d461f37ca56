#include "http/tls/tls_errors.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

namespace fanout::http {
namespace {

// The text after the names of the errors users meet tells them what to do.
std::string describe_certificate(long result, const std::string& host, bool to_proxy) {
  const std::string accept =
      fmt::format("to accept it unchecked, turn verification off ({})", to_proxy ? "--proxy-insecure" : "-k");
  const std::string trust = fmt::format("if you trust its issuer, name the issuer's certificate ({}); ",
                                        to_proxy ? "--proxy-cacert" : "--cacert");
  switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the certificate has expired; " + accept;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the certificate is not valid yet; is this machine's clock right? " + accept;
    case X509_V_ERR_HOSTNAME_MISMATCH:
      return fmt::format("the certificate is not for the host '{}'; {}", host, accept);
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format("the certificate is not for the address {}; {}", host, accept);
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "the certificate is self-signed; " + trust + accept;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "the certificate's chain ends in a self-signed certificate that is not trusted here; " + trust + accept;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "the certificate's issuer is unknown here; " + trust + accept;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "the certificate is not signed by the issuer of that name known here; " + trust + accept;
    default:
      return fmt::format("the certificate was not accepted ({}); {}", X509_verify_cert_error_string(result), accept);
  }
}

// What the server said before it hung up (RFC 8446 section 6.2); empty for alerts whose own name says all there is.
std::string describe_alert(int alert, bool to_proxy) {
  switch (alert) {
    case SSL_AD_HANDSHAKE_FAILURE:
      return "the server accepts none of the ciphers, groups or certificates offered (alert handshake_failure)";
    case SSL_AD_PROTOCOL_VERSION:
      return "the server refuses the TLS versions offered (alert protocol_version)";
    case SSL_AD_UNRECOGNIZED_NAME:
      return "the server does not know the host by this name (alert unrecognized_name)";
    case SSL_AD_NO_APPLICATION_PROTOCOL:
      return "the server does not speak HTTP/1.1 here (alert no_application_protocol)";
    case TLS13_AD_CERTIFICATE_REQUIRED:
      if (to_proxy) return "the proxy asks for a client certificate, and gets none (alert certificate_required)";
      return "the server asks for a client certificate (--cert, --key; alert certificate_required)";
    case SSL_AD_UNKNOWN_CA:
      return "the server does not know the issuer of the client certificate (alert unknown_ca)";
    case SSL_AD_CERTIFICATE_EXPIRED:
      return "the server says that the client certificate has expired (alert certificate_expired)";
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
      return fmt::format("the server does not accept the client certificate (alert {})",
                         SSL_alert_desc_string_long(alert));
    default:
      return fmt::format("the server refused with the alert '{}'", SSL_alert_desc_string_long(alert));
  }
}

std::string least_version(const SSL* session) {
  // What the macro SSL_get_min_proto_version does by a C cast.
  const long least = SSL_ctrl(const_cast<SSL*>(session), SSL_CTRL_GET_MIN_PROTO_VERSION, 0, nullptr);
  return least >= TLS1_3_VERSION ? "1.3" : "1.2";
}

}  // namespace

std::string openssl_reason(unsigned long code) {
  if (ERR_SYSTEM_ERROR(code)) return std::system_category().message(ERR_GET_REASON(code));
  const char* const text = ERR_reason_error_string(code);
  return text ? text : fmt::format("OpenSSL error {:#x}", code);
}

std::string describe_tls_failure(const SSL* session, const std::string& host, bool to_proxy, bool in_handshake) {
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_REASON(code);
  // The first error of a check that failed may be one of the signature's arithmetic.
  const long checked = SSL_get_verify_result(session);
  if (in_handshake && checked != X509_V_OK && SSL_get_verify_mode(session) != SSL_VERIFY_NONE)
    return describe_certificate(checked, host, to_proxy);
  switch (reason) {
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return "the server closed the connection during the handshake";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
      return in_handshake ? "the server does not speak TLS on this port; is it an http:// address?"
                          : openssl_reason(code);
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return fmt::format("the server offers no TLS version from {} on", least_version(session));
    default:
      break;
  }
  if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET)
    return describe_alert(reason - SSL_AD_REASON_OFFSET, to_proxy);
  return openssl_reason(code);
}

}  // namespace fanout::http
