#pragma once

#include "http/io/io_result.hpp"
#include "http/tls/tls_context.hpp"

#include <span>
#include <string>
#include <string_view>

/// \file
/// TLS by OpenSSL, straight over a non-blocking descriptor, or within another TLS connection.
namespace fanout::http {

class tls_session;

/// What carries the records of a TLS connection.
struct tls_carrier {
  int descriptor = -1;
  tls_session* outer = nullptr;            ///< instead of a descriptor
  io_state blocked = io_state::want_read;  ///< what the outer one wanted last
  std::string held = {};                   ///< an alert, until the failure it tells of was read
};

/// One TLS connection over a carrier that it does not own. Every call tries at once and says what to wait for, as
/// the plain calls do. Thread safety: none.
class tls_session {
 public:
  /// The protocols to offer (RFC 7301), best first, as ALPN spells lists.
  static constexpr std::string_view offer_http_1_1{"\x08http/1.1"};
  static constexpr std::string_view offer_http_2{"\x02h2"};
  static constexpr std::string_view offer_both{"\x02h2\x08http/1.1"};

  /// `host`: for SNI and, unless the context does not verify, for the check of the certificate. `key`: whose sessions
  /// may be resumed, the pool's key. `context` is one of `tls_context::shared`, which live for ever.
  tls_session(const tls_context& context, tls_carrier over, const std::string& host, std::string_view key,
              std::string_view offer = offer_http_1_1);
  ~tls_session();
  tls_session(const tls_session&) = delete;
  tls_session& operator=(const tls_session&) = delete;

  io_result handshake();
  io_result read_some(std::span<char> into);
  io_result write_some(std::string_view bytes);
  /// Looks at what arrived while the connection was idle: want_read when nothing but TLS's own records did.
  io_result peek();
  /// The application protocol the server chose (ALPN); empty when it chose none.
  std::string_view protocol() const noexcept;
  /// 12 for TLS 1.2, 13 for TLS 1.3.
  int version() const noexcept;
  /// Version and cipher suite: "TLSv1.3 / TLS_AES_256_GCM_SHA384". Valid after the handshake.
  std::string description() const;
  /// Whether the handshake took up the session of an earlier connection.
  bool resumed() const noexcept;
  /// What failed and what to do about it; valid after a `failed` result.
  const std::string& failure() const noexcept { return failure_; }

 private:
  io_result conclude(int result, bool in_handshake);

  SSL* native_;
  tls_carrier carrier_;
  std::string host_;
  bool to_proxy_;
  tls_session_slot sessions_;  ///< empty without resumption
  std::string failure_;
};

}  // namespace fanout::http
