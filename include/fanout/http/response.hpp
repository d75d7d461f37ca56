#pragma once

#include <fanout/http/headers.hpp>
#include <fanout/http/url.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// What came back.
namespace fanout::http {

/// The version of HTTP that a response came in.
enum class http_version { v1_0, v1_1, v2 };

/// "1.0", "1.1", "2".
constexpr std::string_view to_string(http_version version) noexcept {
  return version == http_version::v2 ? "2" : version == http_version::v1_1 ? "1.1" : "1.0";
}

/// What one exchange cost, its redirects and its retry included.
struct measurements {
  // Times are sums over all hops; a phase that an open connection spared is 0.
  std::chrono::nanoseconds queued{};       ///< waiting for one of the connections the limits allow
  std::chrono::nanoseconds name_lookup{};  ///< until there was an address to connect to
  std::chrono::nanoseconds connect{};      ///< TCP, and what a proxy wanted to hear
  std::chrono::nanoseconds tls{};          ///< handshake
  std::chrono::nanoseconds first_byte{};   ///< from `send` to the first byte of the response
  std::chrono::nanoseconds total{};        ///< from `send` to the last byte
  std::uint64_t bytes_sent = 0;            ///< on the wire, below TLS: headers and bodies of all hops
  std::uint64_t bytes_received = 0;        ///< likewise: before transfer and content codings are removed
  std::string remote_address;              ///< "address:port" of the last hop's peer, which may be a proxy
  int tls_version = 0;                     ///< of the last hop's connection: 12 or 13; 0: without TLS
  bool connection_reused = false;          ///< the last hop went over a connection that was already open
  int attempts = 0;                        ///< requests sent, redirects and a retry on a fresh connection included
  int redirects = 0;                       ///< how many were followed
};

/// A redirect that was followed.
struct hop {
  int status = 0;
  http::url url;  ///< the page that redirected
  http::headers headers;
};

/// One whole response. A status of 400 or above is not an exception; `raise_for_status` makes it one.
struct response {
  int status = 0;
  http_version version = http_version::v1_1;
  std::string reason;  ///< as the server phrased it; often empty
  http::headers headers;
  std::string body;               ///< empty when the request said not to keep it
  bool body_cut = false;          ///< more of it was to come: what an observer may see, and no caller
  std::uint64_t body_bytes = 0;   ///< bytes of the body, kept or not, transfer and content codings removed
  std::uint64_t coded_bytes = 0;  ///< the same with the content coding still on
  http::headers trailers;         ///< fields sent after the body (RFC 9110 section 6.5); never merged into `headers`
  http::url url;                  ///< the page that answered, after redirects
  std::vector<hop> history;       ///< the redirects that led to it, the first one first
  http::measurements measured;

  /// The body as UTF-8. A byte order mark decides its charset, else Content-Type, else it is UTF-8; what is malformed
  /// becomes U+FFFD, as the WHATWG Encoding Standard says. `body` has the bytes as they came.
  std::string text() const&;
  std::string text() &&;
  /// The charset that Content-Type names, as the server spelled it; empty without one.
  std::string_view charset() const noexcept;
  bool ok() const noexcept { return status < 400; }
  /// Throws a `fanout::error` of kind `status` when the status is 400 or above.
  void raise_for_status() const;
};

}  // namespace fanout::http
