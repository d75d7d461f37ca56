#pragma once

#include <fanout/http/client_options.hpp>
#include <fanout/http/response.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

/// \file
/// The deadlines of one exchange.
namespace fanout::http {

/// What an exchange waits for.
enum class phase : std::uint8_t {
  none,
  queued,      ///< for one of the connections that the limits allow
  resolving,   ///< for the addresses of a name
  connecting,  ///< for TCP, and for what a proxy wants to hear
  securing,    ///< for the TLS handshake
  transfer,    ///< for its bytes to move
};

enum class expiry : std::uint8_t { none, queue, resolve, connect, tls, first_byte, idle, low_speed, total };

/// Which deadlines apply at the moment, and which has passed. It only calculates: its caller passes the time, so it
/// needs neither a clock nor a timer. Bytes that move note the time and nothing else, so the deadline armed for an
/// exchange is the earliest that *may* pass; when it comes, `passed` says whether one did.
///
/// Thread safety: none.
class time_limits {
 public:
  using time = std::chrono::steady_clock::time_point;

  void begin(const client_options& options, time now) noexcept;
  /// The exchange goes on to wait for something else. What it spent on the last phase is added up.
  void enter(phase next, time now) noexcept;
  /// Bytes moved, in either direction.
  void sent(std::size_t bytes, time now) noexcept {
    last_moved_ = now;
    in_window_ += bytes;
  }
  void received(std::size_t bytes, time now) noexcept {
    if (!answered_) {
      answered_ = true;
      first_byte_ = window_since_ = now;
      in_window_ = 0;
    }
    last_moved_ = now;
    in_window_ += bytes;
  }
  /// The request is out: from here on it is the server's turn.
  void all_sent() noexcept { sending_ = false; }
  /// The exchange stood still for reasons that are not the peer's, such as a reader who took his time.
  void restart(time now) noexcept {
    last_moved_ = window_since_ = now;
    in_window_ = 0;
  }

  phase now_in() const noexcept { return phase_; }
  time started() const noexcept { return started_; }
  time last_moved() const noexcept { return last_moved_; }
  /// When to ask `passed` again.
  time next() const noexcept;
  /// The deadline that has passed at `now`; none if none has.
  expiry passed(time now) noexcept;
  /// A message for what passed: `peer` is "host:port", `how_far` says how much of the response there was.
  std::string describe(expiry which, const std::string& peer, const std::string& how_far) const;
  /// Adds the times of the phases so far.
  void measure(measurements& into) const noexcept;

 private:
  bool opening() const noexcept { return phase_ >= phase::resolving && phase_ <= phase::securing; }
  bool speed_counts() const noexcept { return sending_ || answered_; }

  const client_options* options_ = nullptr;
  time started_{};
  time phase_since_{};
  time opening_since_{};
  time last_moved_{};
  time first_byte_{};
  time window_since_{};
  std::uint64_t in_window_ = 0;  ///< bytes that moved since then
  std::chrono::nanoseconds queued_{}, resolving_{}, connecting_{}, securing_{};
  phase phase_ = phase::none;
  bool sending_ = false;
  bool answered_ = false;
};

}  // namespace fanout::http
