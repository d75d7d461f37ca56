#include "async/debugging/watchdog.hpp"

#include <algorithm>
#include <utility>

namespace fanout::detail {

namespace {

using clock = std::chrono::steady_clock;

/// How often it looks at the threads: often enough that reports come soon after the threshold.
std::chrono::nanoseconds interval(std::chrono::nanoseconds threshold) {
  return std::clamp<std::chrono::nanoseconds>(threshold / 4, std::chrono::milliseconds(1), std::chrono::seconds(1));
}

}  // namespace

// --- watched_thread

watched_thread& watched_thread::mine() {
  static thread_local watched_thread here;
  return here;
}

watched_thread::watched_thread() {
  watchdog::instance().add(*this);
}

watched_thread::~watched_thread() {
  watchdog::instance().remove(*this);
}

void watched_thread::enter(running_mark& turn) noexcept {
  watchdog::instance().start();
  const std::lock_guard lock(mutex_);
  turn.outer_ = std::exchange(current_, &turn);
}

std::chrono::nanoseconds watched_thread::leave(running_mark& turn) noexcept {
  const std::lock_guard lock(mutex_);
  const auto total = clock::now() - turn.started_;
  current_ = turn.outer_;
  if (current_) current_->inner_ += total;
  return total - turn.inner_;
}

std::optional<watched_thread::stall> watched_thread::stalls(std::chrono::nanoseconds threshold) {
  const std::lock_guard lock(mutex_);
  if (!current_ || current_->told_) return std::nullopt;
  const auto held = clock::now() - current_->started_ - current_->inner_;
  if (held < threshold) return std::nullopt;
  current_->told_ = true;
  return stall{current_->record_, held};
}

// --- running_mark

running_mark::running_mark(std::shared_ptr<task_record> record) noexcept
    : record_(std::move(record)), started_(std::chrono::steady_clock::now()) {
  watched_thread::mine().enter(*this);
}

running_mark::~running_mark() {
  const auto held = watched_thread::mine().leave(*this);
  if (held >= stall_threshold()) report_about(*record_, {.what = debug_report::kind::stalled, .held = held});
}

// --- watchdog

watchdog& watchdog::instance() {
  static watchdog* const kept = new watchdog;  // never destroyed: threads may outlive what is static
  return *kept;
}

void watchdog::add(watched_thread& started) {
  const std::lock_guard lock(mutex_);
  threads_.push_back(&started);
}

void watchdog::remove(watched_thread& ending) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase(threads_, &ending);
}

// Relaxed: a thread that does not see that it was started finds out under the lock, and there, too, whether debugging
// was turned off: that comes before `stop` takes the lock.
void watchdog::start() {
  if (started_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  if (!debugging() || started_.exchange(true, std::memory_order_relaxed)) return;
  watching_ = std::jthread([this](std::stop_token stop) { watch(std::move(stop)); });
}

void watchdog::stop() {
  std::jthread ending;
  {
    const std::lock_guard lock(mutex_);
    started_.store(false, std::memory_order_relaxed);
    ending = std::move(watching_);
  }
  ending.request_stop();
  if (ending.get_id() == std::this_thread::get_id()) ending.detach();
}

void watchdog::watch(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const std::chrono::nanoseconds threshold = stall_threshold();
    look(threshold);
    std::unique_lock lock(mutex_);
    stopped_.wait_for(lock, stop, interval(threshold), [] { return false; });
  }
}

// Reports are made without a lock, since the callback may spawn tasks or turn debugging off.
void watchdog::look(std::chrono::nanoseconds threshold) {
  std::vector<watched_thread::stall> found;
  {
    const std::lock_guard lock(mutex_);
    for (watched_thread* const each : threads_)
      if (auto stall = each->stalls(threshold)) found.push_back(*std::move(stall));
  }
  for (const watched_thread::stall& each : found)
    report_about(*each.who, {.what = debug_report::kind::stalling, .held = each.held});
}

}  // namespace fanout::detail
