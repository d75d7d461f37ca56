#pragma once

#include "support/temporary_directory.hpp"

#include <openssl/ssl.h>

#include <memory>
#include <string>

/// \file
/// Certificates made for one test run.
namespace fanout_test {

using server_tls = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

struct certificate_options {
  std::string names = "DNS:localhost,IP:127.0.0.1";  ///< subjectAltName
  long valid_from_s = -3600;                         ///< relative to now
  long valid_until_s = 3600;
  bool self_signed = false;  ///< by itself instead of by the issuer
};

/// A certificate and its key in PEM files.
struct certificate_files {
  std::string certificate;
  std::string key;
};

/// An issuer of certificates, with a PEM file of its own certificate that is removed in the end.
class issuer {
 public:
  issuer();
  ~issuer();
  issuer(const issuer&) = delete;

  const std::string& ca_file() const noexcept { return file_; }
  /// A server's side of TLS with a new certificate.
  server_tls server(const certificate_options& options = {}) const;
  /// The same in files of `directory`, whose names begin with `name`; for servers of their own, and for clients.
  certificate_files files(const temporary_directory& directory, const std::string& name,
                          const certificate_options& options = {}) const;

 private:
  EVP_PKEY* key_;
  X509* certificate_;
  std::string file_;
};

}  // namespace fanout_test
