#include "async/alarm_clock.hpp"

#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace fanout::detail {

namespace {
constexpr std::size_t width = 4;
}

alarm_clock::alarm_clock(asio::io_context& context) : service(context), timer_(context.get_executor()) {}

void alarm_clock::set(alarm& fresh, clock::time_point when) {
  const std::lock_guard lock(mutex_);
  count_as_work();
  heap_.emplace_back();
  rise(heap_.size(), {when, &fresh});
  if (when < wake_) wake_at(when);
}

bool alarm_clock::stop(alarm& set) noexcept {
  const std::lock_guard lock(mutex_);
  if (set.place_ == 0) return false;
  remove(set.place_);
  if (heap_.empty() && pending_) {
    idle_ = true;
    timer_.get_executor().on_work_finished();
  }
  return true;
}

void alarm_clock::count_as_work() noexcept {
  if (std::exchange(idle_, false)) timer_.get_executor().on_work_started();
}

// Whatever is destroyed here may stop others, so each is taken off the heap before.
void alarm_clock::shutdown() {
  while (alarm* const left = next_due(clock::time_point::max())) left->clock_ends();
}

void alarm_clock::put(std::size_t place, entry moved) noexcept {
  moved.what->place_ = place;
  at(place) = moved;
}

void alarm_clock::rise(std::size_t place, entry moved) noexcept {
  while (place > 1) {
    const std::size_t parent = (place + width - 2) / width;
    if (at(parent).when <= moved.when) break;
    put(place, at(parent));
    place = parent;
  }
  put(place, moved);
}

void alarm_clock::sink(std::size_t place, entry moved) noexcept {
  for (;;) {
    const std::size_t first = (place - 1) * width + 2;
    if (first > heap_.size()) break;
    std::size_t least = first;
    for (std::size_t each = first + 1; each < first + width && each <= heap_.size(); ++each)
      if (at(each).when < at(least).when) least = each;
    if (moved.when <= at(least).when) break;
    put(place, at(least));
    place = least;
  }
  put(place, moved);
}

void alarm_clock::remove(std::size_t place) noexcept {
  at(place).what->place_ = 0;
  const entry last = heap_.back();
  heap_.pop_back();
  if (place > heap_.size()) return;
  if (place > 1 && last.when < at((place + width - 2) / width).when)
    rise(place, last);
  else
    sink(place, last);
}

void alarm_clock::wake_at(clock::time_point when) {
  wake_ = when;
  pending_ = true;
  timer_.expires_at(when);
  timer_.async_wait([this](boost::system::error_code failed) {
    if (!failed) ring_all_due();
  });
}

alarm* alarm_clock::next_due(clock::time_point now) noexcept {
  const std::lock_guard lock(mutex_);
  if (heap_.empty() || heap_.front().when > now) return nullptr;
  alarm* const due = heap_.front().what;
  remove(1);
  return due;
}

// An alarm that rings may set, stop and destroy others, so they are taken one by one, and the time is read once: those
// that are set for now wait for the next turn.
void alarm_clock::ring_all_due() {
  {
    const std::lock_guard lock(mutex_);
    pending_ = false;
    count_as_work();  // it does until this returns
  }
  const auto now = clock::now();
  while (alarm* const due = next_due(now))
    if (!due->ring()) break;
  const std::lock_guard lock(mutex_);
  wake_ = clock::time_point::max();
  if (!heap_.empty()) wake_at(heap_.front().when);
}

// --- alarm

bool alarm::set_shared(const asio::any_io_executor& executor, std::chrono::steady_clock::time_point when) {
  const auto* const loop = executor.target<asio::io_context::executor_type>();
  if (!loop) return false;
  clock_ = &asio::use_service<alarm_clock>(asio::query(*loop, asio::execution::context));
  clock_->set(*this, when);
  return true;
}

void alarm::set(const asio::any_io_executor& executor, std::chrono::steady_clock::time_point when) {
  if (set_shared(executor, when)) return;
  own_timer_ = std::make_unique<asio::steady_timer>(executor, when);
  own_timer_->async_wait([this](boost::system::error_code failed) {
    if (!failed) ring();
  });
}

bool alarm::stop() noexcept {
  if (!clock_) return own_timer_ && own_timer_->cancel() > 0;
  const bool stopped = clock_->stop(*this);
  if (stopped) clock_ = nullptr;
  return stopped;
}

}  // namespace fanout::detail
