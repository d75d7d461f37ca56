#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

/// \file
/// How much may be on its way on one stream of HTTP/2.
namespace fanout::http {

/// The window that a connection's streams need: twice bandwidth × delay, so that the peer has credit for one round trip
/// while the answer to the last one travels. A stream that is read slowly holds up to its window in memory, so it is no
/// wider than that: on a near server it stays at `initial`, however fast the server and however slow the reader.
///
/// A round begins with a PING while DATA flows, and ends with its answer, but not before `shortest_round`. The
/// bandwidth is that of the round: over one short round trip it would be that of a socket buffer which is emptied. The
/// delay is the least of the last rounds, as an answer also waits behind DATA in buffers, which a wider window only
/// makes longer. For the same reason the window grows only while the bandwidth does (gRPC's rule for its BDP
/// estimator), and at most to twice its size in a round. Rounds that change nothing become rarer.
///
/// Thread safety: none. It reads no clock.
class h2_window {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::int32_t initial = 256 * 1024;
  static constexpr std::int32_t widest = 16 * 1024 * 1024;
  static constexpr std::chrono::milliseconds shortest_round{5};
  static constexpr std::chrono::milliseconds shortest_pause{50}, longest_pause{2000};

  /// Bytes, of each stream whose reader keeps up.
  std::int32_t bytes() const noexcept { return bytes_; }

  /// A reader took what it had. True: a round begins, and a PING is to be sent for it.
  bool begin_round(time_point now) noexcept;
  /// That PING went out.
  void asked(time_point now) noexcept;
  /// It was answered. An answer to no question is ignored.
  void answered(time_point now) noexcept;
  /// So many bytes of DATA came, whichever stream they belong to.
  void received(std::size_t bytes, time_point now) noexcept;

 private:
  using duration = std::chrono::steady_clock::duration;
  enum class state { pausing, to_ask, asking, answered };

  void end_round(duration took) noexcept;

  std::int32_t bytes_ = initial;
  state state_ = state::pausing;
  std::size_t received_ = 0;  ///< since the PING went out
  double best_rate_ = 0;      ///< bytes/s when the window last grew
  time_point asked_{};
  time_point next_{};  ///< no round before
  duration pause_{};
  std::array<duration, 8> delays_{};  ///< of the last rounds
  std::size_t rounds_ = 0;            ///< answered
};

}  // namespace fanout::http
