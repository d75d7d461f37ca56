#include <fanout/async/other_side.hpp>

#include "async/pause.hpp"

#include <algorithm>

namespace fanout::detail {

bool other_side::worth_a_look() noexcept {
  const void* const last = last_.load(std::memory_order_relaxed);
  if (last == nullptr || last == &this_thread) return false;
  const int left = to_skip_.load(std::memory_order_relaxed);
  if (left > 0) to_skip_.store(left - 1, std::memory_order_relaxed);
  return left == 0;
}

void other_side::remember(bool served) noexcept {
  const int skip = served ? 0 : std::min(2 * skipped_.load(std::memory_order_relaxed) + 1, most_skipped);
  skipped_.store(skip, std::memory_order_relaxed);
  to_skip_.store(skip, std::memory_order_relaxed);
}

other_side::clock::time_point other_side::pause_until(clock::time_point then) noexcept {
  for (;;) {
    pause();
    const auto now = clock::now();
    if (now >= then) return now;
  }
}

}  // namespace fanout::detail
