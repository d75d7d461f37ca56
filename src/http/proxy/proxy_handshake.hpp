#pragma once

#include "http/proxy/proxy.hpp"

#include <boost/asio/ip/address.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

/// \file
/// What a proxy and a client say to each other before the proxy passes bytes on.
namespace fanout::http {

/// One conversation, as a machine that never waits: `output` is what to send next, `put` takes what came back. All
/// bytes of a proxy are suspect: everything has a limit, and what does not fit fails with a `fanout::error` of kind
/// `connect` that names the proxy. Thread safety: none.
class proxy_handshake {
 public:
  proxy_handshake() = default;
  proxy_handshake(const proxy_handshake&) = delete;
  proxy_handshake& operator=(const proxy_handshake&) = delete;
  virtual ~proxy_handshake() = default;

  /// What is to be sent before anything more is read; the caller empties it.
  std::string& output() noexcept { return output_; }
  /// Takes everything that arrived, in whatever pieces.
  virtual void put(std::string_view bytes) = 0;
  bool done() const noexcept { return done_; }

 protected:
  std::string output_;
  bool done_ = false;
};

/// CONNECT to "host:port" (RFC 9110 section 9.3.6).
std::unique_ptr<proxy_handshake> make_http_connect_handshake(const proxy_server& proxy, const std::string& target);
/// SOCKS 5 (RFC 1928), with a name and password if the proxy has any (RFC 1929). A host that is an address is sent as
/// one, any other as a name.
std::unique_ptr<proxy_handshake> make_socks5_handshake(const proxy_server& proxy, const std::string& host,
                                                       std::uint16_t port);

}  // namespace fanout::http
