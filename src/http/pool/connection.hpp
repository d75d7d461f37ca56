#pragma once

#include "http/io/io_result.hpp"
#include "http/io/poller.hpp"
#include "http/tls/tls_session.hpp"

#include <boost/intrusive/list.hpp>

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>

/// \file
/// One open connection, plain or TLS.
namespace fanout::http {

struct host_group;

/// A connection to one origin. Reads and writes try at once, by the system call itself; who gets want_read or
/// want_write waits on `socket` for it. It has no buffer of its own: thousands may lie idle.
///
/// Thread safety: none. Destroying it closes it.
class connection {
 public:
  explicit connection(polled_socket open_socket) : socket(std::move(open_socket)) {}

  io_result read_some(std::span<char> into);
  io_result write_some(std::string_view bytes);

  /// Whether another exchange may start on it now. HTTP/1.1 carries one at a time, so this is so exactly while it lies
  /// in the pool; a connection of a multiplexing protocol would answer by its open streams.
  bool can_take_exchange() const noexcept { return idle; }
  /// False when, while idle, the peer closed it or sent something nobody asked for. One system call at most.
  bool is_quiet();

  polled_socket socket;                    ///< TCP, or a unix socket in its place
  std::unique_ptr<tls_session> proxy_tls;  ///< to an https proxy, where `tls` runs within it
  std::unique_ptr<tls_session> tls;
  std::string remote_address;                          ///< "address:port" of the peer, or the path of a unix socket
  host_group* group = nullptr;                         ///< where the pool counts it
  std::chrono::steady_clock::time_point idle_since{};  ///< valid while idle
  std::chrono::steady_clock::time_point idle_until{};  ///< when it is closed unless it is used before
  bool idle = false;
  bool used = false;  ///< carried an exchange before

  boost::intrusive::list_member_hook<> in_group;  ///< among the idle ones of its group, latest first
  boost::intrusive::list_member_hook<> in_pool;   ///< among all idle ones of its loop, latest first
};

}  // namespace fanout::http
