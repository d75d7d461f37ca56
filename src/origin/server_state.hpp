#pragma once

#include <fanout/origin/options.hpp>

#include "origin/certificate.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/list_hook.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

/// \file
/// What a server's accept loop and its connections share.
namespace fanout::origin {

namespace asio = boost::asio;

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
  counter http_2_connections;
};

/// A connection, as far as its server knows it: listed while it exists.
class open_connection
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// Closes at once; what waits ends.
  virtual void abort() = 0;

 protected:
  open_connection() = default;
  virtual ~open_connection() = default;
};

/// Owned by the server's accept loop and every connection, so that whichever is destroyed last finds it alive.
struct server_state {
  /// Throws `fanout::error` (`failure_kind::tls`) when certificate or key cannot be used.
  server_state(asio::io_context& on, options with);

  asio::io_context& loop;
  const options settings;
  identity tls;  ///< empty without TLS
  counters counts;

  // One buffer each for the loop, not for each connection: they are filled and emptied between two waits.
  std::array<char, 64 * 1024> input;
  std::string output;

  boost::intrusive::list<open_connection, boost::intrusive::constant_time_size<false>> connections;
};

}  // namespace fanout::origin
