#pragma once

#include <chrono>
#include <cstdint>

namespace fanout::detail {

/// How long tasks take at present, from what they took, to tell how many make up a given amount of work.
///
/// The problem: durations are mixed. Among thirty trivial tasks one may take a millisecond, and an average over the
/// last few results says "trivial" most of the time, so that seconds of work are handed out as if they were
/// milliseconds. The choice: time and tasks are summed, and both sums decay with the *time* that was worked, not with
/// the number of results. Trivial results hardly age a slow one, as they take no time; so the mean holds for any
/// stretch of work that is long compared with `memory`. The same at the start and after a change: never more than four
/// times as many tasks are promised as the mean rests on. (Rejected: a moving average by results, which a run of
/// trivial ones replaces; the greatest of the last durations, which hands out trivial tasks one by one for the sake of
/// one slow task in thousands.)
///
/// Thread safety: none.
class task_time {
 public:
  /// Over how much work the mean is taken, about.
  static constexpr std::chrono::nanoseconds memory = std::chrono::milliseconds(4);

  /// `count` tasks, at least one, took `elapsed` together, one after the other.
  void add(std::uint32_t count, std::chrono::nanoseconds elapsed) noexcept;
  /// Of one task; zero until something was added, and at least 1 ns then.
  std::chrono::nanoseconds mean() const noexcept;
  /// How many tasks make up `work`; 0 until something was added.
  std::uint64_t tasks_in(std::chrono::nanoseconds work) const noexcept;

 private:
  double time_ns_ = 0;
  double tasks_ = 0;
};

}  // namespace fanout::detail
