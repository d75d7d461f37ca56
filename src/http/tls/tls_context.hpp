#pragma once

#include <fanout/http/client_options.hpp>

#include "http/tls/tls_sessions.hpp"

#include <openssl/ssl.h>

#include <compare>
#include <memory>
#include <mutex>
#include <string>

/// \file
/// What TLS connections have in common.
namespace fanout::http {

/// The settings of TLS: two connections that differ in any of them are never mistaken for each other.
struct tls_settings {
  bool verify = true;
  std::string ca_file = {};
  std::string certificate_file = {};
  std::string key_file = {};
  tls_version least = tls_version::v1_2;
  bool resume = true;
  bool to_proxy = false;

  static tls_settings of(const client_options& options);
  /// For the connection to an https proxy, which neither gets the client's certificate nor is excused by
  /// `verify_tls = false`, that is meant for a server.
  static tls_settings of_proxy(const client_options& options);
  auto operator<=>(const tls_settings&) const = default;
};

/// The settings, `SSL_CTX` and resumable sessions shared by all connections that agree on the settings. Made once a
/// process for each combination of them, and never destroyed: its address is a part of the pool's key. Thread-safe.
class tls_context {
 public:
  /// The one context for these settings. Files are read when the first connection needs them. The trusted issuers of
  /// one file, or of the system, are parsed once a process, whatever the other settings are.
  static std::shared_ptr<const tls_context> shared(tls_settings settings);

  explicit tls_context(tls_settings settings) : settings_(std::move(settings)) {}
  ~tls_context() { SSL_CTX_free(native_); }
  tls_context(const tls_context&) = delete;
  tls_context& operator=(const tls_context&) = delete;

  const tls_settings& settings() const noexcept { return settings_; }
  /// Throws a `fanout::error` of kind `tls` that names the file which cannot be used.
  SSL_CTX* native() const;
  tls_session_cache& sessions() const noexcept { return sessions_; }

 private:
  SSL_CTX* make() const;

  tls_settings settings_;
  mutable tls_session_cache sessions_;
  mutable std::mutex making_;
  mutable SSL_CTX* native_ = nullptr;
};

}  // namespace fanout::http
