#pragma once

#include "origin/server_state.hpp"
#include "origin/transport.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>

#include <memory>

/// \file
/// A server's listening socket.
namespace fanout::origin {

/// Accepts connections and starts them. It shares itself with its coroutine.
class acceptor : public std::enable_shared_from_this<acceptor> {
 public:
  /// Binds and listens. Throws `std::system_error` that names address and port when it cannot.
  explicit acceptor(std::shared_ptr<server_state> server);

  void start();
  /// Stops listening and closes every connection.
  void close();

  const server_state& server() const noexcept { return *server_; }
  const asio::ip::tcp::endpoint& endpoint() const noexcept { return endpoint_; }  ///< where it listens

 private:
  static routine<> accept_connections(std::shared_ptr<acceptor> self);
  bool accept_one();

  std::shared_ptr<server_state> server_;
  asio::basic_socket_acceptor<asio::ip::tcp, executor_type> acceptor_;
  timer_type pause_;
  asio::ip::tcp::endpoint endpoint_;
  bool closed_ = false;
};

}  // namespace fanout::origin
