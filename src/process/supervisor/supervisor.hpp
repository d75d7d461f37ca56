#pragma once

#include <fanout/core/detail/interrupt_watch.hpp>
#include <fanout/core/detail/remote_job.hpp>

#include "process/channel/direct_call_channel.hpp"
#include "process/supervisor/completion.hpp"
#include "process/supervisor/deadlines.hpp"
#include "process/supervisor/dispatch.hpp"
#include "process/supervisor/pending_tasks.hpp"
#include "process/supervisor/retry.hpp"
#include "process/supervisor/worker_process.hpp"
#include "process/supervisor/worker_set.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <vector>

namespace fanout::detail {

/// The worker processes of one run: which tasks each one has, and what becomes of them when it dies.
///
/// Everything happens on one loop on the thread that runs the job; workers share nothing with each other. What is
/// decided here is decided by parts that know no loop and no process: whom tasks go to, and back from
/// (`dispatch_rules`, `rebalance`), who is over a time limit (`deadline_rules`), which tasks and workers get another
/// try (`retry_rules`, `restart_rules`), and what comes of tasks (`completion`, `pending_tasks`). The processes are
/// those of `worker_set`. This has them do what the rules say.
///
/// Each task pulled from the source has exactly one outcome. When a worker dies, the tasks it had started (it counts
/// them on its progress page, in the order they were handed over) are `worker_died`; the others go to other workers.
class supervisor final : private worker_events {
 public:
  supervisor(run_control& control, remote_job& job, const fanout::shape& ran, report& cost);
  supervisor(const supervisor&) = delete;
  supervisor& operator=(const supervisor&) = delete;

  /// Before `run`: workers that are idle may be checked out by `callers`.
  void serve_direct_calls(direct_call_channels& callers);
  void run();

  /// Calls `what` on the supervisor's thread, while it runs. May be called from any thread.
  void post(std::function<void()> what);
  /// \name On the supervisor's thread
  /// @{
  /// Kills the workers that are at tasks of which `whose` is true of each index, and at no others.
  /// What no worker has begun is called back, or dropped. From now on no such task is handed out.
  void end_tasks(std::function<bool(std::uint64_t index)> whose);
  /// Tells the workers of a function's end. No task of it may be left.
  void forget(std::uint32_t function);
  /// A channel that was checked out, and the task that is under way on it, or null.
  void check_in(direct_call_channel& channel, task_bundle* under_way);
  /// What the workers that run have cost so far.
  void add_running(report& cost) const { workers_.add_running(cost); }
  /// @}

 private:
  using clock = std::chrono::steady_clock;

  static constexpr std::size_t large_inputs = 64 * 1024;  ///< of a batch, which are sent without being copied

  // What workers tell.
  std::function<void(const frame_reader::frame&)> frames_of(worker_process& worker) override;
  void on_frame(worker_process& worker, const frame_reader::frame& frame);
  void ended(worker_process& worker, const worker_end& end) override;
  void may_start_again() override;

  // Dispatch: hands out tasks while there are tasks and places for them.
  void dispatch();
  void dispatch_tasks();
  bool dispatch_one_each();
  void dispatch_suspects();
  void fill_up(worker_process& worker);
  bool give(std::uint32_t number, std::uint32_t most);
  std::optional<task_bundle> next_tasks(std::uint32_t most);
  pull_status pull(task_bundle& tasks, std::uint32_t most);
  bool hand_over(std::uint32_t number, task_bundle tasks);
  void flush();
  void wait_for_source();
  void retire_worn();
  void rebalance_tasks();
  void recall(worker_process& worker, std::uint32_t keep);
  void recall_unwanted(worker_process& worker);

  // Time limits.
  void watch_deadlines(std::chrono::nanoseconds limit);
  void arm_deadlines();
  void check_deadlines();

  // Direct calls.
  void consider_offer();
  bool may_offer() const;
  void offer(worker_process& worker);
  void reclaim_idle();
  void take_channel_back(worker_process& worker, task_bundle* under_way);

  // The end of the run.
  void on_change();
  void finish_when_done();
  void break_off(std::exception_ptr why) noexcept;
  void settle_all();
  void cancel_pending();

  run_control& control_;
  remote_job& job_;
  fanout::shape shape_;
  report& cost_;
  asio::io_context loop_{1};

  dispatch_rules rules_;
  deadline_rules deadlines_;
  retry_rules retries_;
  restart_rules restarts_;
  pending_tasks pending_;
  completion completion_;

  worker_set workers_;
  bool finished_ = false;  ///< nothing is left to do but to wait for the workers to end

  direct_call_channels* callers_ = nullptr;  ///< null where no worker is checked out
  std::uint32_t checked_out_ = 0;            ///< workers that are
  bool offer_posted_ = false;
  std::vector<std::uint32_t> forgotten_;  ///< functions, while workers were checked out

  bool waiting_for_source_ = false;
  std::optional<asio::posix::stream_descriptor> source_;
  asio::steady_timer deadline_timer_;
  asio::steady_timer rebalance_timer_;
  interrupt_watch interrupt_;
};

/// Runs the tasks of a run in worker processes that live as long as the run. Stateless: one serves all runs.
class worker_runner final : public worker_backend {
 public:
  static worker_runner& instance();
  void run(run_control& control, remote_job& job, const fanout::shape& ran, report& cost) override;
};

}  // namespace fanout::detail
