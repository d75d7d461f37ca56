#pragma once

#include "http/io_result.hpp"

#include <openssl/ssl.h>

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

/// \file
/// TLS by OpenSSL, straight over a non-blocking descriptor.
namespace fanout::http {

/// The settings, trusted issuers and `SSL_CTX` shared by all connections that agree on them. Made once a process for
/// each combination of settings. Thread-safe.
class tls_context {
 public:
  /// The one context for these settings. Its certificates are read when the first connection needs them.
  static std::shared_ptr<const tls_context> shared(bool verify, const std::string& ca_file);

  tls_context(bool verify, std::string ca_file);
  ~tls_context();
  tls_context(const tls_context&) = delete;
  tls_context& operator=(const tls_context&) = delete;

  bool verify() const noexcept { return verify_; }
  /// Throws a `fanout::error` of kind `tls` when `ca_file` cannot be read.
  SSL_CTX* native() const;

 private:
  void make() const;
  bool verify_;
  std::string ca_file_;
  mutable std::mutex making_;
  mutable SSL_CTX* native_ = nullptr;
};

/// One TLS connection over a descriptor that it does not own. Every call tries at once and says what to wait for, as
/// the plain calls do. Thread safety: none.
class tls_session {
 public:
  /// `host`: for SNI and, unless the context does not verify, for the check of the certificate.
  tls_session(const tls_context& context, int descriptor, const std::string& host);
  ~tls_session();
  tls_session(const tls_session&) = delete;
  tls_session& operator=(const tls_session&) = delete;

  io_result handshake();
  io_result read_some(std::span<char> into);
  io_result write_some(std::string_view bytes);
  /// Looks at what arrived while the connection was idle: want_read when nothing but TLS's own records did.
  io_result peek();
  /// What failed and what to do about it; valid after a `failed` result.
  const std::string& failure() const noexcept { return failure_; }

 private:
  io_result conclude(int result, bool in_handshake);
  std::string describe(bool in_handshake) const;

  SSL* native_;
  std::string host_;
  std::string failure_;
};

}  // namespace fanout::http
