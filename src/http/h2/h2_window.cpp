#include "http/h2/h2_window.hpp"

#include <algorithm>

namespace fanout::http {
namespace {

// A bandwidth that is no larger than that has not grown.
constexpr double growth = 1.1;

double seconds(std::chrono::steady_clock::duration of) noexcept {
  return std::chrono::duration<double>(of).count();
}

}  // namespace

bool h2_window::begin_round(time_point now) noexcept {
  if (state_ != state::pausing || bytes_ == widest || now < next_) return false;
  state_ = state::to_ask;
  return true;
}

void h2_window::asked(time_point now) noexcept {
  if (state_ != state::to_ask) return;
  state_ = state::asking;
  asked_ = now;
  received_ = 0;
}

void h2_window::answered(time_point now) noexcept {
  if (state_ != state::asking) return;
  state_ = state::answered;
  delays_[rounds_++ % delays_.size()] = now - asked_;
}

void h2_window::received(std::size_t bytes, time_point now) noexcept {
  received_ += bytes;
  if (state_ != state::answered || now - asked_ < shortest_round) return;
  state_ = state::pausing;
  end_round(now - asked_);
  next_ = now + pause_;
}

void h2_window::end_round(duration took) noexcept {
  const auto known = delays_.begin() + static_cast<std::ptrdiff_t>(std::min(rounds_, delays_.size()));
  const double rate = static_cast<double>(received_) / seconds(took);
  const double wanted = 2 * rate * seconds(*std::min_element(delays_.begin(), known));
  if (wanted > bytes_ && rate > growth * best_rate_) {
    best_rate_ = rate;
    bytes_ = static_cast<std::int32_t>(std::min({wanted, 2.0 * bytes_, static_cast<double>(widest)}));
    pause_ = {};
  } else {
    pause_ = std::clamp<duration>(2 * pause_, shortest_pause, longest_pause);
  }
}

}  // namespace fanout::http
