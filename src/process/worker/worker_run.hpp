#pragma once

#include <fanout/core/detail/control.hpp>
#include <fanout/core/detail/lanes.hpp>
#include <fanout/core/options.hpp>

#include "process/channel/progress_page.hpp"
#include "process/worker/io_thread.hpp"
#include "process/worker/parent_link.hpp"
#include "process/worker/result_sender.hpp"
#include "process/worker/task_queue.hpp"
#include "process/worker/tsc_clock.hpp"

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <vector>

namespace fanout::detail {

/// The run inside a worker: the inner shape's lanes take tasks from the socket and put results into it.
class worker_run final : public lane_work {
 public:
  /// `reader` may have received more than the set-up.
  worker_run(parent_link& parent, const setup_frame& setup, frame_reader& reader, progress_page page);

  /// Returns when the parent has no more tasks and all are done.
  void run();

  // lane_work
  pull_status run_one(std::uint32_t lane, cpu_stopwatch& cpu) override;
  task<void> run_slot(slot& place) override;
  int source_handle() override;

 private:
  using clock = std::chrono::steady_clock;

  void run_batch(claimed_task& taken, std::uint32_t lane, cpu_stopwatch& cpu);
  void want_io_thread(const claimed_task& taken);
  void tell_held(std::uint64_t ordinal, const std::vector<held_span>& spans);
  void begin_task(const claimed_task& taken, std::uint32_t lane, clock::time_point started);

  parent_link& parent_;
  const setup_frame setup_;
  const options options_;
  const bool one_lane_;  ///< a single lane takes all tasks, one after the other
  run_control control_;
  progress_page page_;
  result_sender results_;
  task_queue queue_;
  tsc_clock clock_;  ///< of the single lane
  io_thread io_thread_;
};

}  // namespace fanout::detail
