#pragma once

#include <atomic>
#include <chrono>

/// \file
/// A short look before a long wait. Not for users.
namespace fanout::detail {

/// Those who serve the waiters of a line, as the senders of a channel serve its receivers. Knows whether they are on
/// another thread, and whether they have been quick.
///
/// To be suspended here and woken from another thread takes two system calls and the waking of a core, more than ten
/// microseconds where this was measured; a partner that is at work on another core is there within a fraction of one.
/// So who would have to wait looks first, for about as long as being woken would take: at worst that doubles the price
/// of a wait (Karlin, Li, Manasse, Owicki: Empirical studies of competitive spinning for a shared-memory
/// multiprocessor, SOSP 1991). After each look in vain, twice as many waits go without one, up to `most_skipped`:
/// partners that take their time cost next to nothing, and those that become quick are noticed. Shortening the look
/// instead was tried: once it is shorter than the waking of a core, it never finds anybody again.
///
/// In one loop there is no look: nothing else runs on its thread meanwhile.
///
/// Thread safety: all of it from any thread.
class adaptive_spin {
 public:
  /// The calling thread is one of them.
  void note() noexcept { last_.store(&this_thread, std::memory_order_relaxed); }

  /// Looks `every` so often whether `served` is true; false if that takes too long or is not worth a look.
  template <class Served>
  bool serves_soon(std::chrono::nanoseconds every, Served served) noexcept {
    if (!worth_a_look()) return false;
    const auto started = clock::now();
    auto now = started;
    bool done = served();
    while (!done && now - started < longest) {
      now = pause_until(now + every);
      done = served();
    }
    remember(done);
    return done;
  }

 private:
  using clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds longest{20};
  static constexpr int most_skipped = 63;

  bool worth_a_look() noexcept;
  void remember(bool served) noexcept;
  static clock::time_point pause_until(clock::time_point then) noexcept;

  static inline constinit thread_local char this_thread = 0;  ///< its address is the thread's

  // Relaxed, all three: they are hints, and a lost update costs one look or saves one.
  std::atomic<const void*> last_ = nullptr;
  std::atomic<int> to_skip_ = 0;
  std::atomic<int> skipped_ = 0;  ///< after the last look that was in vain
};

}  // namespace fanout::detail
