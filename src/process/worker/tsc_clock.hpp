#pragma once

#include <chrono>
#include <cstdint>

namespace fanout::detail {

#if defined(__x86_64__)

/// The steady clock at half the price (docs/notes/2026-11-29-tsc-clock.md), for a thread that reads it between tiny
/// tasks: the processor's time-stamp counter, tied to the clock anew every millisecond. Where the system does not trust
/// the counter, and until its rate is known, every reading is one of the clock. It never runs backwards, and is off by
/// less than a microsecond.
///
/// Thread safety: none.
class tsc_clock {
 public:
  using clock = std::chrono::steady_clock;

  clock::time_point now() noexcept {
    if (trusted_) {
      const std::uint64_t since = __builtin_ia32_rdtsc() - anchor_ticks_;
      if (since < ticks_per_anchor_) {
        last_ns_ = anchor_ns_ + static_cast<std::int64_t>(since * ns_per_tick_ >> shift);
        return clock::time_point(std::chrono::nanoseconds(last_ns_));
      }
    }
    return anchored_now();
  }

 private:
  static constexpr int shift = 24;

  clock::time_point anchored_now() noexcept;
  void measure_rate(std::uint64_t ticks, std::int64_t ns) noexcept;

  bool trusted_ = false;
  bool asked_ = false;  ///< whether the system trusts the counter
  std::uint64_t anchor_ticks_ = 0;
  std::uint64_t ticks_per_anchor_ = 0;  ///< a millisecond's worth
  std::uint64_t ns_per_tick_ = 0;       ///< shifted
  std::int64_t anchor_ns_ = 0;
  std::int64_t last_ns_ = 0;
  std::uint64_t first_ticks_ = 0;
  std::int64_t first_ns_ = 0;
};

#else

/// On other processors: the steady clock.
class tsc_clock {
 public:
  using clock = std::chrono::steady_clock;
  clock::time_point now() noexcept { return clock::now(); }
};

#endif

}  // namespace fanout::detail
