#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

/// \file
/// What the origin shows to a TLS client.
namespace fanout::origin {

struct ssl_context_deleter {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using ssl_context = std::unique_ptr<SSL_CTX, ssl_context_deleter>;

/// A server context, and the PEM of the certificate it shows.
struct identity {
  ssl_context context;
  std::string certificate_pem;
};

/// With a new EC P-256 key and a certificate it has signed itself, for localhost, 127.0.0.1 and ::1; neither touches a
/// file. Throws `fanout::error` (`failure_kind::tls`).
identity make_self_signed_identity();

/// With a chain and its key from PEM files. Throws `fanout::error` (`failure_kind::tls`) that names the file.
identity load_identity(const std::string& certificate_file, const std::string& key_file);

/// Chooses HTTP/2 where a client offers it.
void offer_http_2(identity& of);

}  // namespace fanout::origin
