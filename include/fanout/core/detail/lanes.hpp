#pragma once

#include <fanout/async/detail/instrumented_executor.hpp>
#include <fanout/base/deadline.hpp>
#include <fanout/base/task.hpp>
#include <fanout/core/detail/control.hpp>
#include <fanout/core/detail/lane_work.hpp>
#include <fanout/core/detail/usage.hpp>

#include <boost/asio/cancellation_signal.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// \file
/// The lanes of a run: threads, each with its own event loop where tasks are coroutines. Not for users: `run` is built
/// from it.
namespace fanout::detail {

class lane;

/// One place for a coroutine task on a lane. The tasks it runs, one after the other, share one coroutine frame; this
/// is what can cancel the one under way.
///
/// Thread safety: the lane's thread only.
class slot final : public deadline_entry, public turn_listener {
 public:
  slot(lane& home, std::uint32_t lane_number, bool alone) : home_(home), lane_number_(lane_number), alone_(alone) {}

  lane& home() noexcept { return home_; }
  std::uint32_t lane_number() const noexcept { return lane_number_; }
  asio::cancellation_slot cancellation() { return signal_.slot(); }

  /// Brackets one task, which is cancelled at its limit if that is above zero.
  void begin_task(std::chrono::steady_clock::time_point started, std::chrono::nanoseconds limit);
  /// Returns the CPU time it used; negative where other slots share the lane.
  std::chrono::nanoseconds end_task(std::chrono::steady_clock::time_point finished);
  /// Whether the task that ended had the loop to itself for so long that its slot should let others have a turn.
  bool held_loop(std::chrono::nanoseconds elapsed) noexcept;

  /// When the last task held the thread; known only where its coroutine runs on a `instrumented_executor`.
  std::vector<held_span> take_held() noexcept { return std::exchange(held_, {}); }

  bool timed_out() const noexcept { return timed_out_; }
  /// Whether a cancellation was emitted, so that the coroutine's cancellation state must be reset before the next task.
  bool cancelled() const noexcept { return cancelled_; }
  void forget_cancellation() noexcept { timed_out_ = cancelled_ = false; }
  void cancel();

 private:
  void on_deadline() override;
  void resumed() noexcept override;
  void suspended() noexcept override;

  void add_held(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to);

  lane& home_;
  std::uint32_t lane_number_;
  static constexpr std::uint64_t not_marked = ~std::uint64_t{0};
  std::uint64_t turn_ = not_marked;  ///< of the loop, as the task began; only while loops are measured
  asio::cancellation_signal signal_;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point resumed_;
  cpu_stopwatch cpu_;
  std::vector<held_span> held_;
  std::uint32_t depth_ = 0;  ///< of `resumed` without `suspended`
  bool alone_;               ///< on its lane
  bool busy_ = false;
  bool timed_out_ = false;
  bool cancelled_ = false;
};

/// For `lane_work::run_slot`: tells the lane that this slot took an input, so that another slot asks for the next.
void slot_took_item(slot& place);
/// For `lane_work::run_slot`: waits on the lane's loop until the source may be ready or the run ends.
task<void> wait_for_source(slot& place);
/// For `lane_work::run_slot`: whether this slot should close instead of taking another input.
bool slot_is_surplus(slot& place);

/// For `lane_work::run_slot`, after a task that held the loop: lets everything that is ready run first.
task<void> give_way(slot& place);

/// Runs `work` on the lanes of `ran`; the calling thread is lane 0, and the call returns when all lanes have ended.
/// For `model::automatic`, adds lanes as the first tasks show what the work is, and says in
/// `choice` what it saw. Returns the shape that ran in the end. Where the tasks can travel and would be better off in
/// worker processes, the lanes end early, leave the rest of the source alone, and `next` is the shape to go on with.
fanout::shape run_lanes(run_control& control, lane_work& work, const fanout::shape& ran, bool coroutine,
                        std::string& choice, std::optional<fanout::shape>* next = nullptr);

}  // namespace fanout::detail
