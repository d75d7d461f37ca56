#pragma once

#include "http/io/io_result.hpp"
#include "http/io/poller.hpp"
#include "http/tls/tls_session.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

/// \file
/// One open connection, plain or TLS.
namespace fanout::http {

/// The bytes to and from one peer. Reads and writes try at once, by the system call itself; who gets want_read or
/// want_write waits on `socket` for it. It has no buffer of its own: thousands may lie idle.
///
/// Thread safety: none. Destroying it closes it.
class connection {
 public:
  explicit connection(polled_socket open_socket) : socket(std::move(open_socket)) {}

  io_result read_some(std::span<char> into);
  io_result write_some(std::string_view bytes);

  /// False when, while idle, the peer closed it or sent something nobody asked for. One system call at most.
  bool is_quiet();

  polled_socket socket;                    ///< TCP, or a unix socket in its place
  std::unique_ptr<tls_session> proxy_tls;  ///< to an https proxy, where `tls` runs within it
  std::unique_ptr<tls_session> tls;
  std::string remote_address;  ///< "address:port" of the peer, or the path of a unix socket
};

}  // namespace fanout::http
