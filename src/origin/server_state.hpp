#pragma once

#include <fanout/origin/server.hpp>

#include "origin/certificate.hpp"
#include "origin/connection.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/intrusive/list.hpp>

#include <array>
#include <atomic>
#include <string>

/// \file
/// What a server's accept loop and its connections share.
namespace fanout::origin {

/// A number that one thread writes and any thread reads. Relaxed: each counter is read for itself, nothing else is
/// published by it, and with a single writer no read-modify-write is needed.
class counter {
 public:
  void operator++() noexcept { value_.store(value() + 1, std::memory_order_relaxed); }
  void operator--() noexcept { value_.store(value() - 1, std::memory_order_relaxed); }
  void at_least(std::uint64_t least) noexcept {
    if (value() < least) value_.store(least, std::memory_order_relaxed);
  }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

struct counters {
  counter accepted, open, requests, waiting, peak_waiting, accept_pauses, handshakes, resumed, failed_handshakes;
};

/// Owned by the server, its accept loop and every connection, so that whichever is destroyed last finds it alive.
class server_state : public std::enable_shared_from_this<server_state> {
 public:
  server_state(asio::io_context& on, options with);

  void start();
  void close();

  asio::io_context& loop;
  const options settings;
  identity tls;                      ///< empty without TLS
  asio::ip::tcp::endpoint endpoint;  ///< where it listens
  counters counts;
  bool closed = false;

  // One buffer each for the loop, not for each connection: they are filled and emptied between two waits.
  std::array<char, 64 * 1024> input;
  std::string output;

  boost::intrusive::list<connection, boost::intrusive::constant_time_size<false>> connections;

 private:
  static routine<> accept_connections(std::shared_ptr<server_state> self);
  bool accept_one();

  asio::basic_socket_acceptor<asio::ip::tcp, executor_type> acceptor_;
  timer_type pause_;
};

}  // namespace fanout::origin
