#include "http/loop/time_limits.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

namespace fanout::http {
namespace {

using detail::after;
using std::chrono::milliseconds;

// Limits that may be switched off count as never then.
time_limits::time end_of(time_limits::time since, milliseconds limit) {
  return limit.count() == 0 ? time_limits::time::max() : after(since, limit);
}

/// fmt knows the type itself, not what is derived from it.
std::string text(milliseconds limit) {
  return fmt::format("{}", limit);
}

}  // namespace

void time_limits::begin(const client_options& options, time now) noexcept {
  *this = {};
  options_ = &options;
  started_ = phase_since_ = last_moved_ = first_byte_ = now;
}

void time_limits::enter(phase next, time now) noexcept {
  const auto spent = now - phase_since_;
  if (phase_ == phase::queued) queued_ += spent;
  if (phase_ == phase::resolving) resolving_ += spent;
  if (phase_ == phase::connecting) connecting_ += spent;
  if (phase_ == phase::securing) securing_ += spent;
  const bool was_opening = opening();
  phase_ = next;
  phase_since_ = now;
  if (opening() && !was_opening) opening_since_ = now;
  if (next != phase::transfer) return;
  last_moved_ = window_since_ = now;
  in_window_ = 0;
  sending_ = true;
  answered_ = false;
}

time_limits::time time_limits::next() const noexcept {
  time earliest = after(started_, options_->total_timeout);
  const auto consider = [&](time since, milliseconds limit) { earliest = std::min(earliest, end_of(since, limit)); };
  if (opening()) earliest = std::min(earliest, after(opening_since_, options_->connect_timeout));
  switch (phase_) {
    case phase::none:
    case phase::connecting:
      break;
    case phase::queued:
      consider(phase_since_, options_->queue_timeout);
      break;
    case phase::resolving:
      consider(phase_since_, options_->resolve_timeout);
      break;
    case phase::securing:
      consider(phase_since_, options_->tls_timeout);
      break;
    case phase::transfer:
      earliest = std::min(earliest, after(last_moved_, options_->idle_timeout));
      if (!answered_) consider(last_moved_, options_->first_byte_timeout);
      if (options_->low_speed_bytes_per_s > 0) consider(window_since_, options_->low_speed_window);
      break;
  }
  return earliest;
}

expiry time_limits::passed(time now) noexcept {
  if (now >= after(started_, options_->total_timeout)) return expiry::total;
  if (opening() && now >= after(opening_since_, options_->connect_timeout)) return expiry::connect;
  if (phase_ == phase::queued && now >= end_of(phase_since_, options_->queue_timeout)) return expiry::queue;
  if (phase_ == phase::resolving && now >= end_of(phase_since_, options_->resolve_timeout)) return expiry::resolve;
  if (phase_ == phase::securing && now >= end_of(phase_since_, options_->tls_timeout)) return expiry::tls;
  if (phase_ != phase::transfer) return expiry::none;
  if (!answered_ && now >= end_of(last_moved_, options_->first_byte_timeout)) return expiry::first_byte;
  if (now >= after(last_moved_, options_->idle_timeout)) return expiry::idle;
  if (options_->low_speed_bytes_per_s == 0 || now < end_of(window_since_, options_->low_speed_window))
    return expiry::none;
  const double seconds = std::chrono::duration<double>(now - window_since_).count();
  if (speed_counts() &&
      static_cast<double>(in_window_) < seconds * static_cast<double>(options_->low_speed_bytes_per_s))
    return expiry::low_speed;
  window_since_ = now;
  in_window_ = 0;
  return expiry::none;
}

std::string time_limits::describe(expiry which, const std::string& peer, const std::string& how_far) const {
  switch (which) {
    case expiry::none:
      break;
    case expiry::queue:
      return fmt::format("no connection to {} came free within {} (queue timeout): as many as allowed are in use", peer,
                         text(options_->queue_timeout));
    case expiry::resolve:
      return fmt::format("the look-up of the address of {} took longer than {} (resolve timeout)", peer,
                         text(options_->resolve_timeout));
    case expiry::connect:
      return fmt::format("no connection to {} within {} (connect timeout), waiting for {}", peer,
                         text(options_->connect_timeout),
                         phase_ == phase::resolving  ? "its address"
                         : phase_ == phase::securing ? "the TLS handshake"
                                                     : "an answer");
    case expiry::tls:
      return fmt::format("the TLS handshake with {} took longer than {} (TLS timeout)", peer,
                         text(options_->tls_timeout));
    case expiry::first_byte:
      return fmt::format("{} sent nothing for {} (first-byte timeout) {}", peer, text(options_->first_byte_timeout),
                         how_far);
    case expiry::idle:
      return fmt::format("{} sent nothing for {} (idle timeout) {}", peer, text(options_->idle_timeout), how_far);
    case expiry::low_speed:
      return fmt::format("{} moved {} bytes in {}, less than {} a second (low-speed limit) {}", peer, in_window_,
                         text(options_->low_speed_window), options_->low_speed_bytes_per_s, how_far);
    case expiry::total:
      return fmt::format("the exchange with {} took longer than {} (total timeout) {}", peer,
                         text(options_->total_timeout),
                         phase_ == phase::queued ? "waiting for one of its connections to come free" : how_far);
  }
  return {};
}

void time_limits::measure(measurements& into) const noexcept {
  into.queued = queued_;
  into.name_lookup = resolving_;
  into.connect = connecting_;
  into.tls = securing_;
  into.first_byte = first_byte_ - started_;
  into.total = last_moved_ - started_;
}

}  // namespace fanout::http
