#pragma once

#include <fanout/origin/server.hpp>

#include <thread>

/// \file
/// An origin on a thread of its own.
namespace fanout::origin {

/// Runs a `server` on its own loop and thread, for tests and comparisons.
///
/// ```
/// origin::background origin({.latency = 400ms});
/// auto body = http::get(origin.url("/bytes/100")).text();
/// ```
///
/// Thread safety: all members may be called from any thread. The constructor returns once the server listens and throws
/// what `server` throws; the destructor closes the server, with all its connections, and joins the thread.
class background {
 public:
  explicit background(options settings = {});
  background(const background&) = delete;
  background& operator=(const background&) = delete;
  ~background();

  std::uint16_t port() const noexcept { return server_.port(); }
  std::string url(std::string_view path = "/") const { return server_.url(path); }
  const std::string& certificate_pem() const noexcept { return server_.certificate_pem(); }
  origin::statistics statistics() const noexcept { return server_.statistics(); }

  /// Closes the server and waits until its thread has ended. Not to be called from two threads at once.
  void close();

 private:
  asio::io_context loop_{1};
  server server_;
  std::thread thread_;
};

}  // namespace fanout::origin
