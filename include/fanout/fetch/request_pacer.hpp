#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

/// \file
/// How many requests a second a server takes that answers 429 or 503.
namespace fanout::fetch {

/// Spaces requests once a server has refused some. The rate is then 0.9 of what it took in the last two seconds, but at
/// least half of the rate before, and one in ten seconds. 4 % more are tried every 2 s, and less often each time that
/// was too much, up to every 32 s. Until then nothing is spaced: a server that does not refuse is for `adaptive_limit`.
///
/// Answers to requests from before the last cut change nothing, as they were sent at the old rate.
///
/// ```cpp
/// if (now >= pacer.next_start()) { pacer.started(now); start(request); }
/// ...
/// status == 429 || status == 503 ? pacer.refused(begun, now) : pacer.accepted(now);
/// ```
///
/// It has no clock. Thread safety: none.
class request_pacer {
 public:
  using clock = std::chrono::steady_clock;

  /// No request starts before; the beginning of time where none has to wait.
  clock::time_point next_start() const noexcept { return next_start_; }
  /// Requests a second; 0: not limited.
  double rate() const noexcept { return rate_; }

  /// `now` never goes back.
  void started(clock::time_point now) noexcept;
  void accepted(clock::time_point now) noexcept;
  /// `begun`: when the request was started that was refused. `retry_after`: what the server asked for.
  void refused(clock::time_point begun, clock::time_point now,
               clock::duration retry_after = clock::duration::zero()) noexcept;

 private:
  static constexpr std::size_t buckets = 20;
  static constexpr std::chrono::milliseconds bucket_time{100};

  double recent(clock::time_point now) noexcept;
  void turn(clock::time_point now) noexcept;

  bool begun_ = false;
  clock::time_point first_{};
  clock::time_point next_start_ = clock::time_point::min();
  clock::time_point changed_ = clock::time_point::min();  ///< the last cut
  clock::time_point raised_{};                            ///< or cut
  clock::duration wait_ = std::chrono::seconds(2);
  double rate_ = 0;
  double ceiling_ = 0;  ///< the rate that was too much
  bool probed_ = false;
  std::array<std::uint32_t, buckets> accepted_{};
  std::int64_t bucket_ = 0;  ///< the number of the last one, counted from `first_`
};

}  // namespace fanout::fetch
