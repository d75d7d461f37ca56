#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <openssl/ssl.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

/// \file
/// Bytes in and out of one connection, plain or TLS, without ever waiting.
namespace fanout::origin {

namespace asio = boost::asio;

using executor_type = asio::io_context::executor_type;

/// Sockets, coroutines and timers on the loop's own executor type: the type-erased one costs a few percent of the
/// request rate.
using socket_type = asio::basic_stream_socket<asio::ip::tcp, executor_type>;
template <class T = void>
using routine = asio::awaitable<T, executor_type>;
inline constexpr asio::use_awaitable_t<executor_type> awaiting;
using timer_type =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, executor_type>;

/// What an attempt came to: done, or what to wait for before trying again, or that there is no use in trying.
enum class progress { done, want_read, want_write, ended, failed };

struct transfer {
  progress state;
  std::size_t bytes = 0;
};

/// A connected, non-blocking socket and, where the server speaks TLS, the session on it.
///
/// OpenSSL reads and writes the socket itself: a pair of memory buffers between the two, as `asio::ssl::stream` has,
/// costs 34 KB a connection and a copy each way. It does so through a BIO of our own, because the stock one uses
/// `write(2)`, which raises SIGPIPE.
///
/// The address must not change, as the BIO refers to it.
class transport {
 public:
  /// \param context null for a plain connection
  transport(socket_type socket, SSL_CTX* context);
  transport(const transport&) = delete;
  transport& operator=(const transport&) = delete;

  socket_type& socket() noexcept { return socket_; }
  bool secured() const noexcept { return ssl_ != nullptr; }
  bool resumed() const noexcept { return ssl_ && SSL_session_reused(ssl_.get()); }

  /// What ALPN chose; empty where it chose nothing.
  std::string_view protocol() const noexcept;

  progress handshake() noexcept;
  transfer read(std::span<char> into) noexcept;
  transfer write(std::string_view bytes) noexcept;

  /// Whether `read` could give bytes that no wait on the socket will announce.
  bool buffered() const noexcept { return ssl_ && SSL_has_pending(ssl_.get()); }

  /// Looks without reading: `ended` or `failed` when the peer has closed, `done` when there is something to read.
  progress peek() noexcept;

  /// Whether the kernel holds bytes it has not sent.
  bool unsent() noexcept;

  /// Says that nothing more will be sent: close_notify under TLS, then FIN.
  void finish() noexcept;

  /// Closes with RST, which discards what the kernel has not sent.
  void reset() noexcept;

  void close() noexcept;

 private:
  struct ssl_deleter {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  };
  progress classify(int result) noexcept;

  socket_type socket_;
  std::unique_ptr<SSL, ssl_deleter> ssl_;
};

}  // namespace fanout::origin
