#pragma once

#include <fanout/async/mutex.hpp>

#include <chrono>
#include <functional>
#include <memory>

/// \file
/// So many a second, and no more: a token bucket.
///
///     fanout::rate_limiter politeness({.per_second = 5, .burst = 1});
///     co_await politeness.acquire();
namespace fanout {

struct rate_limiter_options {
  using time_point = std::chrono::steady_clock::time_point;

  double per_second = 1;  ///< tokens that come in each second; above 0
  double burst = 1;       ///< tokens that are kept for later, at most, and at the start; at least 1

  std::function<time_point()> now = {};                    ///< the time; by default the steady clock
  std::function<task<void>(time_point)> sleep_until = {};  ///< returns when it is that late; by default a timer
};

/// A token bucket (Turner, "New directions in communications", IEEE Communications Magazine 24:10, 1986). It holds at
/// most `burst` tokens and gains `per_second` of them each second; who wants some waits until they are there.
///
/// First come, first served: whoever asks for few does not get past one who waits for many. A waiter that is cancelled
/// has taken nothing, and its turn goes to the next.
///
/// Thread safety: all members may be called from any thread; the clock's functions, too, then. Who waits when it is
/// destroyed goes on waiting, and gets its tokens.
class rate_limiter {
 public:
  /// Throws `std::invalid_argument` for a rate or burst that is out of range.
  explicit rate_limiter(rate_limiter_options options);
  rate_limiter(const rate_limiter&) = delete;
  rate_limiter& operator=(const rate_limiter&) = delete;
  ~rate_limiter();

  /// Waits for `tokens`. Throws `std::invalid_argument` for more than `burst`, which would never be there.
  task<void> acquire(double tokens = 1);
  /// False where one would have to wait, also behind others.
  [[nodiscard]] bool try_acquire(double tokens = 1);

 private:
  class state;
  static task<void> acquire_from(std::shared_ptr<state> bucket, double tokens);

  std::shared_ptr<state> state_;
};

}  // namespace fanout
