#include "async/time/timer_queue.hpp"

#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace fanout::detail {

namespace {
constexpr std::size_t width = 4;
}

timer_queue::timer_queue(asio::io_context& context) : service(context), timer_(context.get_executor()) {}

void timer_queue::set(queued_timer& fresh, clock::time_point when) {
  const std::lock_guard lock(mutex_);
  count_as_work();
  heap_.emplace_back();
  rise(heap_.size(), {when, &fresh});
  if (when < wake_) wake_at(when);
}

bool timer_queue::stop(queued_timer& set) noexcept {
  const std::lock_guard lock(mutex_);
  if (set.place_ == 0) return false;
  remove(set.place_);
  if (heap_.empty() && pending_) {
    idle_ = true;
    timer_.get_executor().on_work_finished();
  }
  return true;
}

void timer_queue::count_as_work() noexcept {
  if (std::exchange(idle_, false)) timer_.get_executor().on_work_started();
}

// Whatever is destroyed here may stop others, so each is taken off the heap before.
void timer_queue::shutdown() {
  while (queued_timer* const left = next_due(clock::time_point::max())) left->queue_ends();
}

void timer_queue::put(std::size_t place, entry moved) noexcept {
  moved.what->place_ = place;
  at(place) = moved;
}

void timer_queue::rise(std::size_t place, entry moved) noexcept {
  while (place > 1) {
    const std::size_t parent = (place + width - 2) / width;
    if (at(parent).when <= moved.when) break;
    put(place, at(parent));
    place = parent;
  }
  put(place, moved);
}

void timer_queue::sink(std::size_t place, entry moved) noexcept {
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

void timer_queue::remove(std::size_t place) noexcept {
  at(place).what->place_ = 0;
  const entry last = heap_.back();
  heap_.pop_back();
  if (place > heap_.size()) return;
  if (place > 1 && last.when < at((place + width - 2) / width).when)
    rise(place, last);
  else
    sink(place, last);
}

void timer_queue::wake_at(clock::time_point when) {
  wake_ = when;
  pending_ = true;
  timer_.expires_at(when);
  timer_.async_wait([this](boost::system::error_code failed) {
    if (!failed) fire_all_due();
  });
}

queued_timer* timer_queue::next_due(clock::time_point now) noexcept {
  const std::lock_guard lock(mutex_);
  if (heap_.empty() || heap_.front().when > now) return nullptr;
  queued_timer* const due = heap_.front().what;
  remove(1);
  return due;
}

// A queued timer that fires may set, stop and destroy others, so they are taken one by one, and the time is read once:
// those that are set for now wait for the next turn.
void timer_queue::fire_all_due() {
  {
    const std::lock_guard lock(mutex_);
    pending_ = false;
    count_as_work();  // it does until this returns
  }
  const auto now = clock::now();
  while (queued_timer* const due = next_due(now))
    if (!due->fire()) break;
  const std::lock_guard lock(mutex_);
  wake_ = clock::time_point::max();
  if (!heap_.empty()) wake_at(heap_.front().when);
}

// --- queued_timer

bool queued_timer::set_shared(const asio::any_io_executor& executor, std::chrono::steady_clock::time_point when) {
  const auto* const loop = executor.target<asio::io_context::executor_type>();
  if (!loop) return false;
  queue_ = &asio::use_service<timer_queue>(asio::query(*loop, asio::execution::context));
  queue_->set(*this, when);
  return true;
}

void queued_timer::set(const asio::any_io_executor& executor, std::chrono::steady_clock::time_point when) {
  if (set_shared(executor, when)) return;
  own_timer_ = std::make_unique<asio::steady_timer>(executor, when);
  own_timer_->async_wait([this](boost::system::error_code failed) {
    if (!failed) fire();
  });
}

bool queued_timer::stop() noexcept {
  if (!queue_) return own_timer_ && own_timer_->cancel() > 0;
  const bool stopped = queue_->stop(*this);
  if (stopped) queue_ = nullptr;
  return stopped;
}

}  // namespace fanout::detail
