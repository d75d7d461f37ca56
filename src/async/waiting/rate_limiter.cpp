#include <fanout/async/rate_limiter.hpp>
#include <fanout/base/saturated_time.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace fanout {

namespace {

using time_point = rate_limiter_options::time_point;

task<void> sleep_on_a_timer(time_point until) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, until);
  auto passed = timer.async_wait(asio::use_awaitable);
  co_await std::move(passed);
}

}  // namespace

/// The bucket. Only the holder of `turn` looks at it, so that those who wait for few tokens do not starve one who waits
/// for many: the first in line holds the turn while it sleeps.
class rate_limiter::state {
 public:
  explicit state(rate_limiter_options options) : options_(std::move(options)), tokens_(options_.burst) {
    if (!(options_.per_second > 0) || !std::isfinite(options_.per_second))
      throw std::invalid_argument("rate_limiter: per_second must be above 0 and finite");
    if (!(options_.burst >= 1) || !std::isfinite(options_.burst))
      throw std::invalid_argument("rate_limiter: burst must be at least 1 and finite");
    if (!options_.now) options_.now = [] { return std::chrono::steady_clock::now(); };
    if (!options_.sleep_until) options_.sleep_until = sleep_on_a_timer;
    filled_ = options_.now();
  }

  void check(double tokens) const {
    if (!(tokens >= 0 && tokens <= options_.burst))
      throw std::invalid_argument("rate_limiter: tokens must be between 0 and the burst");
  }

  /// Takes them if they are there.
  bool take(double tokens) {
    const time_point now = options_.now();
    const std::chrono::duration<double> passed = std::max(now - filled_, {});
    tokens_ = std::min(options_.burst, tokens_ + passed.count() * options_.per_second);
    filled_ = std::max(now, filled_);
    if (tokens_ + rounding < tokens) return false;
    tokens_ = std::max(0.0, tokens_ - tokens);
    return true;
  }

  /// Sleeps until they should be there.
  task<void> sleep_for(double tokens) const {
    const std::chrono::duration<double> missing((tokens - tokens_) / options_.per_second);
    return options_.sleep_until(detail::after(filled_, missing));
  }

  mutex turn;

 private:
  /// Fractions of a token that are lost in sums of doubles.
  static constexpr double rounding = 1e-9;

  rate_limiter_options options_;
  double tokens_;
  time_point filled_;
};

rate_limiter::rate_limiter(rate_limiter_options options) : state_(std::make_shared<state>(std::move(options))) {}

rate_limiter::~rate_limiter() = default;

task<void> rate_limiter::acquire(double tokens) {
  state_->check(tokens);
  return acquire_from(state_, tokens);
}

bool rate_limiter::try_acquire(double tokens) {
  state_->check(tokens);
  const auto turn = state_->turn.try_lock();
  return turn && state_->take(tokens);
}

task<void> rate_limiter::acquire_from(std::shared_ptr<state> bucket, double tokens) {
  auto next = bucket->turn.lock();
  const auto turn = co_await std::move(next);
  while (!bucket->take(tokens)) {
    auto slept = bucket->sleep_for(tokens);
    co_await std::move(slept);
  }
}

}  // namespace fanout
