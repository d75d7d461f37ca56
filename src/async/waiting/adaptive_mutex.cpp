#include <fanout/async/detail/adaptive_mutex.hpp>

#include "async/waiting/pause.hpp"

namespace fanout::detail {

namespace {

constexpr int most_checks = 100;

}  // namespace

// Relaxed loads only look; the exchange orders. A thread that has slept takes it as `awaited`, since others may sleep.
void adaptive_mutex::lock_contended() noexcept {
  for (int i = 0; i < most_checks; ++i) {
    if (state_.load(std::memory_order_relaxed) == free && try_lock()) return;
    pause();
  }
  while (state_.exchange(awaited, std::memory_order_acquire) != free) state_.wait(awaited, std::memory_order_relaxed);
}

}  // namespace fanout::detail
