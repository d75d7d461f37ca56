#pragma once

#include <fanout/async/detail/instrumented_executor.hpp>
#include <fanout/base/deadline.hpp>
#include <fanout/base/task.hpp>
#include <fanout/core/detail/interrupt_watch.hpp>
#include <fanout/core/detail/lanes.hpp>
#include <fanout/core/detail/slot.hpp>
#include <fanout/core/detail/usage.hpp>

#include "core/probe.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace fanout::detail {

class lane;
class lane_set;

/// What a slot needs of its lane's event loop.
class lane_slot final : public slot, public deadline_entry, public turn_listener {
 public:
  lane_slot(lane& home, std::uint32_t lane_number, bool alone) : slot(lane_number), home_(home), alone_(alone) {}

  asio::cancellation_slot cancellation() { return signal_.slot(); }
  void cancel();

 private:
  friend class slot;
  static constexpr std::uint64_t not_marked = ~std::uint64_t{0};

  void begin(std::chrono::steady_clock::time_point started, std::chrono::nanoseconds limit);
  std::chrono::nanoseconds end(std::chrono::steady_clock::time_point finished);
  bool held(std::chrono::nanoseconds elapsed) noexcept;

  void on_deadline() override;
  void resumed() noexcept override;
  void suspended() noexcept override;
  void add_held(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to);

  lane& home_;
  std::uint64_t turn_ = not_marked;  ///< of the loop, as the task began; only while loops are measured
  asio::cancellation_signal signal_;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point resumed_;
  cpu_stopwatch cpu_;
  std::uint32_t depth_ = 0;  ///< of `resumed` without `suspended`
  bool alone_;               ///< on its lane
  bool busy_ = false;
};

/// One thread of a running shape whose tasks are coroutines. They run in slots on the lane's own event loop, which has
/// no other thread.
///
/// Slots open one at a time, the next when the last one has taken an input: so a short source opens few, and lanes
/// share out a source evenly even when the first lane starts before the others.
///
/// While the source has nothing, one idle slot waits for its descriptor and the others are parked. A slot that takes an
/// input lets one parked slot ask for the next. (If all of them waited for the descriptor, each input would wake every
/// idle slot: at 10,000 slots that is 10,000 questions to the source for one answer.)
class lane {
 public:
  lane(lane_set& set, std::uint32_t number, std::uint32_t slots);
  lane(const lane&) = delete;
  lane& operator=(const lane&) = delete;

  void run();

  void open_slot();
  void began(const lane_slot& place) noexcept { last_begun_ = &place; }
  /// Whether no other task began on this loop since the one of `place` did.
  bool began_last(const lane_slot& place) const noexcept { return last_begun_ == &place; }
  /// While the run is probed: the number of the loop's turn, exact if asked at a task's beginning and end.
  std::uint64_t mark_turn();
  std::uint64_t turn() const noexcept { return turn_; }
  probe* probing() noexcept;  ///< null unless it measures loops
  /// A task ended just now. What goes wrong breaks off the run.
  void tell_probe(std::chrono::steady_clock::time_point now, std::chrono::nanoseconds elapsed, bool held) noexcept;

  void ask_for_next();  ///< a slot took an input: lets another, parked or new, look for the next
  bool has_surplus() const noexcept;
  /// Closes slots beyond `slots` as their tasks finish, then calls `done`.
  void shrink(std::uint32_t slots, std::function<void()> done);
  task<void> wait_for_source();
  run_control& control() noexcept;
  deadline_list& deadlines() noexcept { return deadlines_; }

 private:
  void on_change();  ///< pulling ended, or the run was aborted
  void on_slot_closed();
  task<void> park();
  void unpark_one();
  void unpark_all();

  lane_set& set_;
  std::uint32_t number_;
  std::uint32_t limit_;     ///< slots at most
  std::uint32_t open_ = 0;  ///< slots that have not ended
  std::function<void()> when_shrunk_;
  asio::io_context loop_{1};
  deadline_list deadlines_;
  interrupt_watch interrupt_;
  std::deque<lane_slot> slots_;  ///< stable addresses
  std::optional<asio::posix::stream_descriptor> source_;
  bool opening_ = false;  ///< open_slot() has been posted
  const lane_slot* last_begun_ = nullptr;
  std::uint64_t turn_ = 0;
  bool turn_marked_ = false;                   ///< the next turn of the loop will be counted
  bool watched_ = false;                       ///< a slot waits for the source's descriptor
  std::vector<std::function<void()>> parked_;  ///< each resumes a slot
};

/// All lanes of a run in this process.
///
/// Thread safety: `grow` and `leave` may be called from any lane; the rest belongs to the thread that calls `run`.
class lane_set final : public probed_lanes {
 public:
  lane_set(run_control& control, lane_work& work, const fanout::shape& ran, bool coroutine);

  void run();
  void grow(const fanout::shape& target) override;
  void leave(const fanout::shape& next) override;
  void shrink_first(std::uint32_t slots, std::function<void()> done) override;
  /// Relaxed: a lane that sees it late takes one more task.
  bool leaving() const noexcept { return leaving_.load(std::memory_order_relaxed); }

  run_control& control() noexcept override { return control_; }
  lane_work& work() noexcept override { return work_; }
  fanout::shape shape() const;
  std::optional<fanout::shape> next() const { return next_; }
  std::string choice() const;
  probe* probing() noexcept { return probe_ ? &*probe_ : nullptr; }

  void started_first_lane(lane& first, asio::io_context& loop);
  void ended_first_lane();

 private:
  bool start_lane(std::uint32_t number, std::uint32_t slots);
  void settle_for_started(const fanout::shape& target);
  void run_lane(std::uint32_t number, std::uint32_t slots);
  void run_blocking(std::uint32_t number);

  run_control& control_;
  lane_work& work_;
  fanout::shape shape_;
  bool coroutine_;
  lane* first_ = nullptr;  ///< of coroutines, while it is probed
  std::optional<probe> probe_;
  std::atomic<bool> leaving_{false};
  std::optional<fanout::shape> next_;  ///< set before leaving_, read after all lanes have ended
  std::mutex mutex_;                   ///< guards shape_, lanes_ and threads_ while lanes run
  std::uint32_t lanes_ = 1;
  std::vector<std::jthread> threads_;
};

}  // namespace fanout::detail
