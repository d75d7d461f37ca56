#include <fanout/async/detail/adaptive_spin.hpp>

#include "async/waiting/pause.hpp"

#include <algorithm>

namespace fanout::detail {

bool adaptive_spin::worth_a_look() noexcept {
  const void* const last = last_.load(std::memory_order_relaxed);
  if (last == nullptr || last == &this_thread) return false;
  const int left = to_skip_.load(std::memory_order_relaxed);
  if (left > 0) to_skip_.store(left - 1, std::memory_order_relaxed);
  return left == 0;
}

void adaptive_spin::remember(bool served) noexcept {
  const int skip = served ? 0 : std::min(2 * skipped_.load(std::memory_order_relaxed) + 1, most_skipped);
  skipped_.store(skip, std::memory_order_relaxed);
  to_skip_.store(skip, std::memory_order_relaxed);
}

adaptive_spin::clock::time_point adaptive_spin::pause_until(clock::time_point then) noexcept {
  for (;;) {
    pause();
    const auto now = clock::now();
    if (now >= then) return now;
  }
}

}  // namespace fanout::detail
