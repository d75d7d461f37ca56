#include "core/probe.hpp"

#include "core/lane_set.hpp"

#include <fmt/format.h>

#include <time.h>

#include <algorithm>

namespace fanout::detail {
namespace {

std::chrono::nanoseconds cpu_clock(clockid_t clock) {
  timespec used{};
  clock_gettime(clock, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

}  // namespace

probe::probe(lane_set& lanes, const fanout::shape& asked, bool coroutine)
    : lanes_(lanes),
      at_most_(asked.tasks),
      coroutine_(coroutine),
      first_lanes_(coroutine ? 1 : available_cores()),
      started_(std::chrono::steady_clock::now()),
      cpu_started_(cpu_used()) {
  if (at_most_) first_lanes_ = std::min(first_lanes_, at_most_);
  choice_ = fmt::format("the run ended before its first {} ms had shown what its tasks do", period.count());
}

// One loop is judged by its own thread, which is also the one that asks; several blocking lanes by the whole process.
std::chrono::nanoseconds probe::cpu_used() const {
  return cpu_clock(coroutine_ ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID);
}

fanout::shape probe::first_shape() const {
  return coroutine_ ? async(at_most_ ? at_most_ : default_in_flight) : threads(first_lanes_);
}

void probe::watch(lane& first, asio::io_context& loop) {
  first_ = &first;
  timer_.emplace(loop, period);
  timer_->async_wait([this](boost::system::error_code cancelled) {
    if (!cancelled) decide();
  });
}

void probe::unwatch() {
  timer_.reset();
}

void probe::look() {
  if (done_.load(std::memory_order_relaxed)) return;  // only saves the clock; decide() happens once in any case
  if (std::chrono::steady_clock::now() - started_ >= period) std::call_once(decided_, [this] { decide(); });
}

double probe::cpu_share() const {
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - started_;
  const std::chrono::duration<double> cpu = cpu_used() - cpu_started_;
  return cpu / wall / std::min(first_lanes_, available_cores());
}

void probe::decide() {
  const double share = cpu_share();
  const auto seen = fmt::format("in its first {} ms each lane computed {:.0f} % of the time", period.count(),
                                std::min(share, 1.0) * 100);
  if (coroutine_ && share > busy && available_cores() > 1) {
    const fanout::shape target = hybrid(at_most_ ? at_most_ : default_in_flight * available_cores());
    choice_ = fmt::format("{}: one loop is the bottleneck, so every core got one", seen);
    first_->shrink(target.slots(0), [this, target] { lanes_.grow(target); });
  } else if (coroutine_) {
    choice_ = fmt::format("{}: one loop is enough", seen);
  } else if (share > busy) {
    choice_ = fmt::format("{}: the tasks compute, so one thread a core", seen);
  } else {
    const fanout::shape target = threads(at_most_ ? at_most_ : std::max(default_threads, first_lanes_));
    choice_ = fmt::format("{}: the tasks wait, so more threads than cores", seen);
    lanes_.grow(target);
  }
  done_.store(true, std::memory_order_relaxed);
}

}  // namespace fanout::detail
