#include "process/supervisor/task_time.hpp"

#include <algorithm>

namespace fanout::detail {

void task_time::add(std::uint32_t count, std::chrono::nanoseconds elapsed) noexcept {
  const double took = std::max(1.0, static_cast<double>(elapsed.count()));
  const double kept = static_cast<double>(memory.count()) / (static_cast<double>(memory.count()) + took);
  time_ns_ = time_ns_ * kept + took;
  tasks_ = tasks_ * kept + count;
}

std::chrono::nanoseconds task_time::mean() const noexcept {
  if (tasks_ <= 0) return {};
  return std::chrono::nanoseconds(std::max<std::int64_t>(1, static_cast<std::int64_t>(time_ns_ / tasks_)));
}

std::uint64_t task_time::tasks_in(std::chrono::nanoseconds work) const noexcept {
  if (tasks_ <= 0 || work.count() <= 0) return 0;
  const double fitting = static_cast<double>(work.count()) / time_ns_ * tasks_;
  return static_cast<std::uint64_t>(std::min(fitting, 4 * tasks_));
}

}  // namespace fanout::detail
