#pragma once

#include <fanout/base/detail/task_declaration.hpp>
#include <fanout/core/report.hpp>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

/// \file
/// A place for a coroutine task, as the tasks' side of a run sees it. Not for users: `run` is built from it.
namespace fanout::detail {

/// One place for a coroutine task on a lane. The tasks it runs, one after the other, share one coroutine frame; this
/// is what can cancel the one under way. Every slot is a `lane_slot`, which has the event loop's part of it.
///
/// Thread safety: the lane's thread only.
class slot {
 public:
  slot(const slot&) = delete;
  slot& operator=(const slot&) = delete;

  std::uint32_t lane_number() const noexcept { return lane_number_; }

  /// Whether this slot should close instead of taking another input.
  bool is_surplus() const noexcept;
  /// This slot took an input: another one asks for the next.
  void took_item();
  /// Waits on the lane's loop until the source may be ready or the run ends.
  task<void> wait_for_source();
  /// After a task that held the loop: lets everything that is ready run first.
  task<void> give_way();

  /// Brackets one task, which is cancelled at its limit if that is above zero.
  void begin_task(std::chrono::steady_clock::time_point started, std::chrono::nanoseconds limit);
  /// Returns the CPU time it used; negative where other slots share the lane.
  std::chrono::nanoseconds end_task(std::chrono::steady_clock::time_point finished);
  /// Whether the task that ended had the loop to itself for so long that its slot should let others have a turn.
  bool held_loop(std::chrono::nanoseconds elapsed) noexcept;
  /// When the last task held the thread; known only where its coroutine runs on an `instrumented_executor`.
  std::vector<held_span> take_held() noexcept { return std::exchange(held_, {}); }

  bool timed_out() const noexcept { return timed_out_; }
  /// Whether a cancellation was emitted, so that the coroutine's cancellation state must be reset before the next task.
  bool cancelled() const noexcept { return cancelled_; }
  void forget_cancellation() noexcept { timed_out_ = cancelled_ = false; }

 protected:
  explicit slot(std::uint32_t lane_number) : lane_number_(lane_number) {}
  ~slot() = default;

  std::vector<held_span> held_;
  bool timed_out_ = false;
  bool cancelled_ = false;

 private:
  std::uint32_t lane_number_;
};

}  // namespace fanout::detail
