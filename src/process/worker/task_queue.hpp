#pragma once

#include <fanout/core/detail/control.hpp>
#include <fanout/core/detail/lanes.hpp>

#include "process/channel/progress_page.hpp"
#include "process/worker/parent_link.hpp"
#include "process/worker/result_sender.hpp"
#include "process/worker/served_function.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace fanout::detail {

/// Tasks that came together.
struct task_batch {
  std::uint64_t first_ordinal = 0;
  std::atomic<std::uint32_t> end{0};  ///< lower half of the ordinal after the last; lowered when tasks are recalled
  served_function* function = nullptr;
  std::chrono::nanoseconds limit{0};  ///< for each of them; 0 for none
  bool more_may_come = false;         ///< while they are under way
  std::unique_ptr<char[]> large;  ///< what `inputs` refers to: the frame it came in, where that has memory of its own
  std::string bytes;              ///< or else a copy
  encoded_view inputs;
};

/// A task that a lane is to run now.
struct claimed_task {
  std::shared_ptr<const task_batch> batch;
  std::uint64_t ordinal = 0;

  std::string_view argument() const {
    return batch->inputs[static_cast<std::uint32_t>(ordinal - batch->first_ordinal)];
  }
};

/// What a worker has been handed and has not started. Lanes claim tasks from it in the order of their ordinals; what
/// no lane has claimed can be called back by the parent.
///
/// Thread safety: any thread, but for `claim_next`.
class task_queue {
 public:
  task_queue(parent_link& parent, const progress_page& page, frame_reader& reader, run_control& control,
             result_sender& results, std::uint32_t lanes, bool one_lane)
      : parent_(parent),
        page_(page),
        reader_(reader),
        control_(control),
        results_(results),
        lanes_(lanes),
        one_lane_(one_lane) {}

  /// Claims a task, after reading what the parent has sent if there is none. The one lane that takes all tasks waits
  /// here; others get `not_ready`.
  pull_status claim(claimed_task& task);
  /// For the one lane that takes all tasks: claims the next one of the same batch, without a lock. False at its end.
  bool claim_next(claimed_task& task) const noexcept;

  /// Reads what the parent has sent while all lanes are busy.
  void read_meanwhile();

  /// Whether there are tasks that no lane has claimed.
  bool backlog() const noexcept { return page_.next() != page_.allowed(); }
  std::uint32_t next() const noexcept { return page_.next(); }
  /// Whether lanes are at tasks during which the parent may send others.
  bool attended() const noexcept { return attended_.load(std::memory_order_relaxed); }
  /// Whether the one lane that takes all tasks has none.
  bool idle() const noexcept { return idle_.load(std::memory_order_relaxed); }
  /// Whether the parent may send more.
  bool more() const noexcept { return more_.load(std::memory_order_relaxed); }

 private:
  bool claim_queued(claimed_task& task);
  pull_status wait_and_claim(claimed_task& task);
  void read_frames();
  void handle_frames();
  void add_batch(std::string_view payload);
  void give_back(std::string_view payload);
  void learn(std::string_view payload);
  void forget(std::string_view payload);

  parent_link& parent_;
  const progress_page& page_;
  frame_reader& reader_;
  run_control& control_;
  result_sender& results_;
  const std::uint32_t lanes_;
  const bool one_lane_;
  bool waited_ = false;  ///< that lane, for the last task it did not find here

  std::mutex mutex_;                                    ///< guards reader_ and what follows
  std::map<std::uint32_t, served_function> functions_;  ///< stable addresses; tasks of one that is forgotten have ended
  std::deque<std::shared_ptr<task_batch>> batches_;     ///< the front one may be in use
  std::uint64_t end_ordinal_ = 0;                       ///< after the last one handed over
  std::atomic<bool> more_{true};
  // Relaxed: they are stored before a task is claimed, by which the I/O thread sees them, or is woken.
  std::atomic<bool> attended_{false};
  std::atomic<bool> idle_{false};
};

}  // namespace fanout::detail
