#include "process/worker/tsc_clock.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#if defined(__x86_64__)

namespace fanout::detail {
namespace {

/// Linux uses the counter for its own clock only where it runs at one rate, on all cores, asleep or not.
bool system_trusts_counter() noexcept {
  const int file = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  std::array<char, 16> name{};
  const auto length = read(file, name.data(), name.size());
  close(file);
  return length == 4 && std::string_view(name.data(), 4) == "tsc\n";
}

}  // namespace

tsc_clock::clock::time_point tsc_clock::anchored_now() noexcept {
  const auto now = clock::now();
  const std::int64_t ns = now.time_since_epoch().count();
  const std::uint64_t ticks = __builtin_ia32_rdtsc();
  if (first_ns_ == 0) {
    first_ticks_ = ticks;
    first_ns_ = ns;
  } else if (ns - first_ns_ > 2'000'000) {
    measure_rate(ticks - first_ticks_, ns - first_ns_);
  }
  anchor_ticks_ = ticks;
  anchor_ns_ = last_ns_ = std::max(ns, last_ns_);
  return clock::time_point(std::chrono::nanoseconds(last_ns_));
}

/// From the longest span there is, up to some seconds: then the rate is as good as known, and the numbers stay small.
void tsc_clock::measure_rate(std::uint64_t ticks, std::int64_t ns) noexcept {
  if (!asked_) {
    asked_ = true;
    trusted_ = system_trusts_counter();
  }
  if (ticks == 0 || ns > 4'000'000'000) return;
  ns_per_tick_ = (static_cast<std::uint64_t>(ns) << shift) / ticks;
  ticks_per_anchor_ = ticks * 1'000'000 / static_cast<std::uint64_t>(ns);
}

}  // namespace fanout::detail

#endif
