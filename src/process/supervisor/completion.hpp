#pragma once

#include <fanout/core/detail/control.hpp>
#include <fanout/core/detail/remote_job.hpp>
#include <fanout/core/report.hpp>

#include "process/channel/wire.hpp"
#include "process/supervisor/pending_tasks.hpp"
#include "process/supervisor/retry.hpp"
#include "process/supervisor/task_time.hpp"
#include "process/supervisor/worker_record.hpp"

#include <cstdint>
#include <string_view>

namespace fanout::detail {

/// What becomes of the tasks that were handed to a worker: results as they come, and all that it leaves behind when it
/// ends. Each task has exactly one outcome, or goes back to those that are pending.
///
/// What a worker sends is distrusted: `fanout::error` of kind `protocol` is thrown for what cannot be, and the worker
/// is to be killed then.
///
/// Thread safety: none.
class completion {
 public:
  completion(run_control& control, remote_job& job, report& cost, std::uint32_t lanes, pending_tasks& pending,
             retry_rules& retries, restart_rules& restarts, task_time& time)
      : control_(control),
        job_(job),
        cost_(cost),
        lanes_(lanes),
        pending_(pending),
        retries_(retries),
        restarts_(restarts),
        time_(time) {}

  /// The payload of a `results` frame. Tasks from the ordinal `unsent` on have not wholly been sent, so they have none.
  void on_results(worker_record& worker, std::uint64_t unsent, std::string_view payload);
  /// Of a `held` frame, for the timeline. The span of the task is made when its result comes, which is next.
  void on_held(worker_record& worker, std::string_view payload);
  /// Of a `returned` frame: tasks that were called back.
  void on_returned(worker_record& worker, std::uint64_t unsent, std::string_view payload);

  /// The worker has ended. What it had finished and not sent is in the memory it shares. Some of it may have been sent
  /// all the same, and of what it wrote while it went wrong nothing is believed that cannot be.
  void take_finished(worker_record& worker);
  /// Then: tasks that it had started end with it, or are tried again; the others go to other workers.
  void take_back(worker_record& worker, const worker_end& end);

  /// The outcome of a task that no worker has.
  void end_unstarted(std::uint64_t index, failure reason);

 private:
  void on_batch(worker_record& worker, std::uint64_t unsent, const received_results& results);
  void on_part(worker_record& worker, handed_batch& batch, const received_results& results, std::uint32_t from,
               std::uint32_t to);
  void on_left_behind(worker_record& worker, const received_results& results);
  bool try_again(const worker_record& worker, const handed_batch& batch, std::uint64_t ordinal, bool alone);
  void settle(const worker_record& worker, const worker_end& end, const handed_batch& batch, std::uint64_t ordinal);

  run_control& control_;
  remote_job& job_;
  report& cost_;
  std::uint32_t lanes_;  ///< of each worker
  pending_tasks& pending_;
  retry_rules& retries_;
  restart_rules& restarts_;
  task_time& time_;
};

}  // namespace fanout::detail
