#pragma once

#include <fanout/base/task.hpp>
#include <fanout/origin/options.hpp>

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

/// \file
/// The embedded HTTP origin: for demos, comparisons, and for tests of what real servers cannot be made to do.
namespace fanout::origin {

/// Counters of one server at one moment.
struct statistics {
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_open = 0;
  std::uint64_t requests = 0;          ///< read whole; counted before the first byte of the response is sent
  std::uint64_t requests_waiting = 0;  ///< in a delay, a drip or `/never` at this moment
  std::uint64_t peak_waiting = 0;      ///< the most there ever were
  std::uint64_t accept_pauses = 0;     ///< how often accepting paused for want of descriptors or memory
  std::uint64_t tls_handshakes = 0;    ///< completed, resumed ones included
  std::uint64_t tls_resumed = 0;       ///< of these, with a session of an earlier connection
  std::uint64_t tls_failed_handshakes = 0;
  std::uint64_t http_2_connections = 0;
};

/// An HTTP/1.1 server with keep-alive and pipelining, and an HTTP/2 server, on one event loop. `GET /` lists its
/// endpoints.
///
/// ```
/// asio::io_context loop;
/// origin::server server(loop, {.port = 8080});
/// loop.run();                                        // serves until close()
/// ```
///
/// A connection costs one coroutine frame and no timer while idle; response bytes are written before anything waits.
/// A peer that closes, or half-closes, its connection in mid-delay is taken to have gone: no response is sent.
///
/// Thread safety: none, use it on the loop's thread; but `statistics`, `port`, `url` and `certificate_pem` are safe
/// from any. The destructor does what `close` does, and must not run while another thread runs the loop.
class server {
 public:
  /// Binds and listens before it returns; serves once the loop runs. Throws `std::system_error` that names address and
  /// port when it cannot listen, `fanout::error` (`failure_kind::tls`) when the certificate or key cannot be used.
  server(asio::io_context& loop, options settings);
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  ~server();

  std::uint16_t port() const noexcept;

  /// `http://127.0.0.1:8080/bytes/3` for `/bytes/3`; a wildcard address becomes the loopback one.
  std::string url(std::string_view path = "/") const;

  /// The certificate shown to clients, PEM; empty without TLS.
  const std::string& certificate_pem() const noexcept;

  origin::statistics statistics() const noexcept;

  /// Stops listening and closes every connection at once, in mid-response too. The loop's `run()` then returns if it
  /// has nothing else to do.
  void close();

 private:
  std::shared_ptr<class acceptor> acceptor_;
};

}  // namespace fanout::origin
