#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>

namespace fanout::detail {

/// What a process has used so far.
struct process_usage {
  std::chrono::nanoseconds cpu{0};
  std::uint64_t peak_rss_bytes = 0;
};

/// Of a child that has not been reaped, from /proc; zeros where that is not to be had.
process_usage usage_of(pid_t child);

}  // namespace fanout::detail
