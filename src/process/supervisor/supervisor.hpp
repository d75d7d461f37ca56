#pragma once

#include <fanout/core/detail/interrupt_watch.hpp>
#include <fanout/core/detail/remote_job.hpp>

#include "process/channel/direct_call_channel.hpp"
#include "process/supervisor/quarantine.hpp"
#include "process/supervisor/task_time.hpp"
#include "process/supervisor/worker_process.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace fanout::detail {

/// The worker processes of one run: who does what, and what becomes of it when one of them dies.
///
/// Everything happens on one loop on the thread that runs the job; workers share nothing with each other. A worker is
/// started when there is a task for it. It is handed one task for each of its places, and more only when tasks turn out
/// to be short: then some wait at the worker, about `ahead` worth of work, so that a worker need not wait for its
/// parent between them and many travel in one frame. A long task never waits behind another while a worker is idle.
///
/// Each task pulled from the source has exactly one outcome. When a worker dies, the tasks it had started (it counts
/// them on its progress page, in the order they were handed over) are `worker_died`; the others go to other workers.
class supervisor {
 public:
  supervisor(run_control& control, remote_job& job, const fanout::shape& ran, report& cost);
  supervisor(const supervisor&) = delete;
  supervisor& operator=(const supervisor&) = delete;

  /// Before `run`: workers that are idle may be lent to `callers`.
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
  /// A line that was lent, and the task that is under way on it, or null.
  void check_in(direct_call_channel& line, task_bundle* under_way);
  /// What the workers that run have cost so far.
  void add_running(report& cost) const;
  /// @}

 private:
  using clock = std::chrono::steady_clock;
  using bundles = std::list<task_bundle>;  ///< they go from one list to another where there is no memory, too

  static constexpr std::chrono::milliseconds ahead{4};
  static constexpr std::uint32_t most_ahead = 65'536;        ///< tasks waiting at one worker
  static constexpr std::size_t most_bytes_ahead = 1U << 20;  ///< their inputs, together
  static constexpr std::size_t large_inputs = 64 * 1024;     ///< of a batch, which are sent without being copied
  /// Less work than this is not called back from a worker, and a worker at one task for longer holds others up.
  static constexpr std::chrono::milliseconds worth_recalling{2};
  static constexpr std::size_t longest_text = 4096;  ///< of what a worker says went wrong
  static constexpr int most_failed_starts = 3;       ///< in a row, of workers that end by themselves
  /// Workers that somebody else kills before they begin a task are started again for so long, with pauses between.
  static constexpr std::chrono::seconds killed_starts_limit{10};
  /// When the system refuses to start a worker, it is asked again so much later.
  static constexpr std::chrono::milliseconds start_again{200};
  /// For a worker without a finalizer to say goodbye.
  static constexpr std::chrono::seconds leave_grace{5};
  /// What a worker gets beyond the limit of a task to cancel it itself.
  static constexpr std::chrono::seconds stuck_grace{2};

  /// Hands out tasks while there are tasks and places for them; tells idle workers to end when there are none.
  void deal();
  void deal_tasks();
  bool deal_one_each();
  void fill_up(worker_process& worker);
  bool may_take(const worker_process& worker) const;
  /// At most so many tasks, starting the worker if need be; false when there are none.
  bool give(std::uint32_t number, std::uint32_t most);
  std::optional<task_bundle> next_tasks(std::uint32_t most);
  pull_status pull(task_bundle& tasks, std::uint32_t most);
  bool hand_over(std::uint32_t number, task_bundle tasks);
  void write_tasks(const worker_process& worker, const task_bundle& tasks, bool inputs_follow);
  void deal_suspects();
  void retire_worn();
  bool worn(const worker_process& worker) const;
  bool try_again(worker_process& worker, const handed_batch& batch, std::uint64_t ordinal, bool alone);
  worker_process* worker_for(std::uint32_t number);
  void start(std::uint32_t number);
  void begin_attending(worker_process& worker);
  void lose(worker_process& worker, std::exception_ptr why) noexcept;
  void set_up(worker_process& worker);
  void watch_start(worker_process& worker);
  void start_later(std::chrono::milliseconds pause);
  void let_go(worker_process& worker);
  void watch_leave(worker_process& worker);
  void tell_of(std::uint32_t function, std::uint32_t number);
  std::uint32_t places() const noexcept { return shape_.threads * shape_.in_flight; }
  std::uint32_t places_ahead() const;
  void flush();
  void finish_when_done();
  void wait_for_source();

  void think_of_lending();
  bool may_lend() const;
  void lend(worker_process& worker);
  void reclaim_lent();
  void reclaim_idle();
  void take_in(worker_process& worker, task_bundle* under_way);

  void balance();
  bool stands_still(const worker_process& worker) const;
  void recall(worker_process& worker, std::uint32_t keep);
  void call_back_unwanted(worker_process& worker);
  void drop_unwanted(bundles& tasks);
  void drop_some(bundles& tasks, bundles::iterator mixed);
  void end_unstarted(std::uint64_t index, failure reason);
  void on_returned(worker_process& worker, std::string_view payload);

  task<void> attend(worker_process& worker);
  void on_frame(worker_process& worker, const frame_reader::frame& frame);
  void on_results(worker_process& worker, std::string_view payload);
  void on_run(worker_process& worker, const received_results& results);
  void on_part(worker_process& worker, handed_batch& batch, const received_results& results, std::uint32_t from,
               std::uint32_t to);
  void take_finished(worker_process& worker);
  void on_left_behind(worker_process& worker, const received_results& results);
  void on_held(worker_process& worker, std::string_view payload);
  void on_end(worker_process& worker, const worker_end& end);
  void judge_end(const worker_process& worker, const worker_end& end);
  void settle_all();
  void break_off(std::exception_ptr why) noexcept;
  void take_back(worker_process& worker, const worker_end& end);
  void settle(worker_process& worker, const worker_end& end, const handed_batch& batch, std::uint64_t ordinal);
  void book(const worker_process& worker, const worker_end& end);
  void cancel_returned();
  failure not_started() const;
  void on_change();
  void watch_deadlines(std::chrono::nanoseconds limit);
  void check_deadlines();
  void arm_deadlines();
  std::chrono::nanoseconds deadline_pause() const;
  bool anything_under_way() const;
  bool over_limit(worker_process& worker, std::chrono::steady_clock::time_point now) const;
  bool stuck(worker_process& worker, std::chrono::nanoseconds since_last_check) const;

  run_control& control_;
  remote_job& job_;
  fanout::shape shape_;
  report& cost_;
  asio::io_context loop_{1};
  std::vector<std::unique_ptr<worker_process>> workers_;  ///< null where none runs
  /// The one that ran there before: it may be among the callers of what removes it, so it goes when the next one ends.
  std::vector<std::unique_ptr<worker_process>> ended_;
  std::vector<std::string> frames_;            ///< tasks for each worker, not yet sent
  std::vector<std::set<std::uint32_t>> told_;  ///< the functions each worker was told of
  std::optional<task_bundle> in_hand_;         ///< being handed over, and still there where that failed
  bundles returned_;                           ///< given back, or handed to a worker that died before it started them
  bundles suspects_;                           ///< single tasks to be tried again after their worker died
  std::function<bool(std::uint64_t index)> unwanted_;  ///< empty until tasks were ended
  quarantine quarantine_;
  std::uint32_t running_ = 0;
  int failed_starts_ = 0;
  int killed_starts_ = 0;                 ///< in a row …
  clock::time_point first_killed_start_;  ///< … since then
  clock::time_point last_killed_start_;
  std::string startup_error_;                ///< what the last worker that refused said
  direct_call_channels* callers_ = nullptr;  ///< null where nothing is lent
  std::uint32_t lent_ = 0;                   ///< workers that are
  bool lending_posted_ = false;
  std::vector<std::uint32_t> forgotten_;  ///< functions, while workers were lent
  bool start_failed_ = false;
  bool finished_ = false;  ///< nothing is left to do but to wait for the workers to end
  bool waiting_for_source_ = false;
  std::optional<asio::posix::stream_descriptor> source_;
  std::deque<asio::steady_timer> patience_;  ///< with each worker: until it is ready, and when it is to leave
  asio::steady_timer start_again_timer_;
  asio::steady_timer deadline_timer_;
  asio::steady_timer balance_timer_;
  interrupt_watch interrupt_;
  std::chrono::steady_clock::time_point deadlines_checked_;
  std::chrono::nanoseconds shortest_limit_{0};  ///< of the tasks under way; 0 while no deadline is watched
  task_time task_time_;
};

}  // namespace fanout::detail
