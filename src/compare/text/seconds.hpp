#pragma once

#include <chrono>

namespace fanout::detail {

/// Times are printed, divided and fitted as seconds.
inline double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace fanout::detail
