#include <fanout/fetch/request_pacer.hpp>

#include <algorithm>
#include <numeric>

namespace fanout::fetch {
namespace {

constexpr double after_refusal = 0.9;
constexpr double raise = 1.04;
constexpr double slowest_rate = 0.1;  ///< requests a second
constexpr std::chrono::seconds shortest_raise_wait{2};
constexpr std::chrono::seconds longest_raise_wait{32};
constexpr std::chrono::milliseconds made_up_for{10};  ///< by a timer that is late

std::chrono::steady_clock::duration pacing_interval(double rate) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(1 / rate));
}

}  // namespace

void request_pacer::turn(clock::time_point now) noexcept {
  if (!begun_) {
    begun_ = true;
    first_ = now;
  }
  const std::int64_t bucket = (now - first_) / bucket_time;
  const auto passed = std::min<std::int64_t>(bucket - bucket_, buckets);
  for (std::int64_t i = 1; i <= passed; ++i) accepted_[static_cast<std::size_t>(bucket_ + i) % buckets] = 0;
  bucket_ = bucket;
}

double request_pacer::recent(clock::time_point now) noexcept {
  turn(now);
  const auto count = std::accumulate(accepted_.begin(), accepted_.end(), std::uint64_t{0});
  // Of the last bucket only a part has passed.
  const clock::time_point full = first_ + (bucket_ - static_cast<std::int64_t>(buckets) + 1) * bucket_time;
  const auto span = std::max<clock::duration>(now - std::max(full, first_), bucket_time);
  return static_cast<double>(count) / std::chrono::duration<double>(span).count();
}

void request_pacer::started(clock::time_point now) noexcept {
  turn(now);
  if (rate_ == 0) return;
  if (now - raised_ >= wait_) {
    raised_ = now;
    probed_ = true;
    rate_ *= raise;
    if (rate_ > 1.1 * ceiling_) wait_ = shortest_raise_wait;  // the server takes more than it did
  }
  next_start_ = std::max(next_start_, now - made_up_for) + pacing_interval(rate_);
}

void request_pacer::accepted(clock::time_point now) noexcept {
  turn(now);
  ++accepted_[static_cast<std::size_t>(bucket_) % buckets];
}

void request_pacer::refused(clock::time_point begun, clock::time_point now, clock::duration retry_after) noexcept {
  turn(now);
  if (retry_after > clock::duration::zero()) next_start_ = std::max(next_start_, now + retry_after);
  if (begun < changed_) return;
  changed_ = now;
  raised_ = now;
  const double took = std::max(recent(now), slowest_rate);
  ceiling_ = rate_ == 0 ? took : rate_;
  // At a rate of few in two seconds, none of which was taken by chance, that says little: half is enough.
  rate_ = rate_ == 0 ? after_refusal * took : std::max(after_refusal * std::min(took, rate_), rate_ / 2);
  rate_ = std::max(rate_, slowest_rate);
  if (probed_) wait_ = std::min<clock::duration>(wait_ * 2, longest_raise_wait);
  probed_ = false;
  next_start_ = std::max(next_start_, now + pacing_interval(rate_));
}

}  // namespace fanout::fetch
