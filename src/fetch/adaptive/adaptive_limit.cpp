#include <fanout/fetch/adaptive_limit.hpp>

#include <algorithm>
#include <cmath>

namespace fanout::fetch {
namespace {

constexpr std::uint64_t smallest_cohort = 16;
constexpr std::uint64_t largest_cohort = 2'000;  ///< beyond the limit
constexpr double wanted_error = 0.06;            ///< standard error of a mean
constexpr double unchanged_latency = 1.1;
constexpr double queue_latency = 1.5;
constexpr double start_gain = 1.25;
constexpr double headroom = 1.15;
constexpr double probe_more = 1.25;
constexpr double probe_gain = 1.125;
constexpr double less = 0.7;
constexpr double still_as_fast = 0.93;
constexpr double falls_along = 0.85;
constexpr std::uint32_t shortest_wait = 4;
constexpr std::uint32_t longest_wait = 32;
constexpr std::chrono::seconds between_tries_of_less{15};

}  // namespace

adaptive_limit::adaptive_limit(options how)
    : how_(how), limit_(std::clamp(how.first, how.least, how.most)), before_(limit_) {
  measure_anew();
}

adaptive_limit::ticket adaptive_limit::begin(clock::time_point now) noexcept {
  if (next_number_ == 0) tried_less_ = now;
  const ticket begun{now, next_number_++};
  ++in_flight_;
  if (begun.number >= measured_.first && begun.number < measured_.first + measured_.size)
    measured_.in_flight += in_flight_;
  return begun;
}

void adaptive_limit::end(const ticket& begun, clock::time_point now, result how) noexcept {
  --in_flight_;
  if (begun.number < measured_.first) return;
  if (begun.number >= measured_.first + measured_.size) {
    ++measured_.later_ended;
  } else {
    ++measured_.ended;
    if (how == result::answered) {
      const double took = std::chrono::duration<double>(now - begun.begun).count();
      ++measured_.answered;
      measured_.sum_s += took;
      measured_.squares += took * took;
    }
  }
  if (complete()) evaluate(now);
}

/// All have ended, or so many after them that the rest hangs.
bool adaptive_limit::complete() const noexcept {
  return measured_.ended == measured_.size ||
         (measured_.ended * 10 >= measured_.size * 9 && measured_.later_ended >= 4 * measured_.size);
}

void adaptive_limit::measure_anew() noexcept {
  const double enough = std::min(spread_ * spread_ / (wanted_error * wanted_error), double{largest_cohort});
  measured_ = {};
  measured_.first = next_number_ + limit_;
  measured_.size = std::max({smallest_cohort, std::uint64_t{limit_}, static_cast<std::uint64_t>(std::llround(enough))});
}

void adaptive_limit::set_limit(double wanted) noexcept {
  limit_ = static_cast<std::uint32_t>(
      std::clamp(std::round(wanted), static_cast<double>(how_.least), static_cast<double>(how_.most)));
}

void adaptive_limit::evaluate(clock::time_point now) noexcept {
  const auto answered = static_cast<double>(measured_.answered);
  const double mean = measured_.sum_s / std::max(1.0, answered);
  const double variance = measured_.squares / std::max(1.0, answered) - mean * mean;
  const double in_flight = measured_.in_flight / static_cast<double>(measured_.size);
  // Too few answers, or too few requests: nothing is learned of the limit.
  const bool idle = in_flight < 0.8 * limit_ && limit_ > how_.least;
  if (measured_.answered * 2 >= measured_.size && mean > 0 && !idle) {
    spread_ = std::sqrt(std::max(0.0, variance)) / mean;
    throughput_ = in_flight / mean;
    switch (phase_) {
      case phase::starting:
        started(mean, throughput_);
        break;
      case phase::steady:
        steady(mean, throughput_, now);
        break;
      case phase::probing_more:
        probed_more(mean, throughput_);
        break;
      case phase::probing_less:
        probed_less(mean, throughput_);
        break;
      case phase::cutting:
        cut(mean, throughput_);
        break;
    }
  } else if (phase_ == phase::probing_more || phase_ == phase::probing_less) {
    limit_ = before_;
    phase_ = phase::steady;
  }
  measure_anew();
}

void adaptive_limit::started(double mean, double throughput) noexcept {
  const bool first = base_ == 0;
  if (first) base_ = mean;
  const bool gains = first || throughput >= start_gain * best_;
  best_ = std::max(best_, throughput);
  if (gains && limit_ < how_.most) {
    set_limit(limit_ * (mean <= unchanged_latency * base_ ? 4.0 : 2.0));
    return;
  }
  if (!gains) set_limit(std::min(static_cast<double>(limit_), best_ * base_ * headroom + 2));
  phase_ = phase::steady;
  waited_ = 0;
}

void adaptive_limit::steady(double mean, double throughput, clock::time_point now) noexcept {
  if (mean > queue_latency * base_) {
    begin_cut(mean, throughput);
    return;
  }
  falls_with_it_ = 0;
  before_ = limit_;
  before_probe_ = throughput;
  if (now - tried_less_ >= between_tries_of_less && limit_ > how_.least) {
    tried_less_ = now;
    phase_ = phase::probing_less;
    set_limit(std::floor(limit_ * less));
  } else if (++waited_ >= wait_ && limit_ < how_.most) {
    waited_ = 0;
    phase_ = phase::probing_more;
    set_limit(std::ceil(limit_ * probe_more));
  }
}

void adaptive_limit::probed_more(double mean, double throughput) noexcept {
  phase_ = phase::steady;
  const double tried = static_cast<double>(limit_) / before_;
  const bool gains = throughput >= before_probe_ * (1 + (tried - 1) * (probe_gain - 1) / (probe_more - 1));
  if (gains && mean <= queue_latency * base_) {
    wait_ = 1;
    return;
  }
  limit_ = before_;
  wait_ = std::min(std::max(shortest_wait, wait_ * 2), longest_wait);
}

void adaptive_limit::probed_less(double mean, double throughput) noexcept {
  phase_ = phase::steady;
  waited_ = 0;
  if (throughput >= still_as_fast * before_probe_) {
    base_ = std::min(base_, mean);
    return;
  }
  limit_ = before_;
}

void adaptive_limit::begin_cut(double mean, double throughput) noexcept {
  if (phase_ != phase::cutting) before_cuts_ = limit_;
  before_ = limit_;
  before_probe_ = throughput;
  wait_ = shortest_wait;
  waited_ = 0;
  set_limit(std::min(static_cast<double>(limit_), std::max(less * limit_, throughput * base_ * headroom + 2)));
  phase_ = phase::cutting;
  if (limit_ < before_) return;
  base_ = mean;  // so few that there is nothing to cut
  phase_ = phase::steady;
}

void adaptive_limit::cut(double mean, double throughput) noexcept {
  const bool fell = throughput < before_probe_ * falls_along;
  falls_with_it_ = fell ? falls_with_it_ + 1 : 0;
  if (falls_with_it_ >= 2) {
    // There was no queue: requests take longer than at first.
    base_ = mean;
    falls_with_it_ = 0;
    limit_ = before_cuts_;
    phase_ = phase::steady;
  } else if (mean > queue_latency * base_) {
    begin_cut(mean, throughput);
  } else {
    phase_ = phase::steady;
  }
}

}  // namespace fanout::fetch
