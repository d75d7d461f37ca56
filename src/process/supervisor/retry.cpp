#include "process/supervisor/retry.hpp"

#include <signal.h>

#include <algorithm>

namespace fanout::detail {

bool restart_rules::sent_by_others(int signal) noexcept {
  return signal == SIGKILL || signal == SIGTERM || signal == SIGHUP || signal == SIGINT;
}

restart_rules::verdict restart_rules::failed(bool killed_by_others, clock::time_point now) noexcept {
  int& in_a_row = killed_by_others ? killed_starts_ : failed_starts_;
  if (killed_by_others) {
    if (now - last_killed_start_ > killed_starts_limit) in_a_row = 0;
    if (in_a_row == 0) first_killed_start_ = now;
    last_killed_start_ = now;
  }
  ++in_a_row;
  if (killed_by_others ? now - first_killed_start_ > killed_starts_limit : in_a_row >= most_failed_starts)
    return {.give_up = true};
  if (in_a_row <= most_failed_starts) return {};
  const int doublings = std::min(in_a_row - most_failed_starts, 8);
  return {.pause = std::min(start_again, std::chrono::milliseconds(5 << doublings))};
}

}  // namespace fanout::detail
