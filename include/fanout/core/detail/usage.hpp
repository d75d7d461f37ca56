#pragma once

#include <fanout/core/report.hpp>

#include <sys/resource.h>
#include <sys/time.h>

#include <chrono>
#include <cstdint>

/// \file
/// What this process has used, from the kernel.
namespace fanout::detail {

std::chrono::nanoseconds to_duration(const timeval& time) noexcept;

/// CPU time of the calling thread. One system call.
std::chrono::nanoseconds thread_cpu() noexcept;

/// CPU time of the tasks of one thread, at a bounded price.
///
/// Reading the thread's CPU clock is a system call (0.5 us where this was measured), which must not dominate tasks that
/// last less. So tasks under `worth_measuring` go without, and the reading at the end of one task serves as the start
/// of the next unless it is older than `fresh`; a task's figure can be too high by at most that.
class cpu_stopwatch {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::microseconds worth_measuring{20};
  static constexpr std::chrono::microseconds fresh{200};

  void start(time_point now) noexcept;
  /// CPU time since `start`, or -1 ns for a task too short to measure.
  std::chrono::nanoseconds stop(time_point started, time_point now) noexcept;

 private:
  time_point read_at_{};
  std::chrono::nanoseconds reading_{0};
};

/// Highest resident set of this process so far (`VmHWM` of proc(5)), in bytes; 0 where /proc is not mounted.
std::uint64_t peak_rss_bytes() noexcept;

/// Measures this process from its construction to `add_to`.
class usage_meter {
 public:
  usage_meter() noexcept;
  /// Adds CPU time and context switches since construction, and the peak memory, to `target`.
  void add_to(report& target) const noexcept;

 private:
  rusage start_{};
};

}  // namespace fanout::detail
