#pragma once

#include "process/supervisor/worker_record.hpp"

#include <chrono>
#include <cstdint>

namespace fanout::detail {

/// Which workers are at tasks that are over their limit and have to be killed for it. The clock is the caller's, and so
/// is the timer.
///
/// Thread safety: none.
class deadline_rules {
 public:
  using clock = std::chrono::steady_clock;
  /// What a worker gets beyond the limit of a task to cancel it itself.
  static constexpr std::chrono::seconds stuck_grace{2};

  explicit deadline_rules(std::uint32_t lanes) : lanes_(lanes) {}

  /// Whether checks come often enough for a task with this limit.
  bool cover(std::chrono::nanoseconds limit) const noexcept {
    return shortest_limit_.count() != 0 && limit >= shortest_limit_;
  }
  /// One that they do not cover is handed over: the next check has to be set anew, as it may be too far away.
  void note(std::chrono::nanoseconds limit, clock::time_point now) noexcept;
  /// Between two checks of the workers.
  std::chrono::nanoseconds pause() const noexcept;
  /// Nothing is under way: there are no checks before the next `note`.
  void rest() noexcept { shortest_limit_ = {}; }

  /// Begins a check of all workers. Time in which the loop did nothing, as in a slow sink, is not the workers' fault.
  void begin_check(clock::time_point now) noexcept;
  /// Whether the worker has to be killed; `overdue_tasks` then says for which of its tasks.
  bool over(worker_record& worker) const;

 private:
  bool over_limit(worker_record& worker) const;
  bool stuck(worker_record& worker) const;

  std::uint32_t lanes_;
  std::chrono::nanoseconds shortest_limit_{0};  ///< of the tasks under way; 0 while none is watched
  clock::time_point checked_;
  std::chrono::nanoseconds since_last_{0};
};

}  // namespace fanout::detail
