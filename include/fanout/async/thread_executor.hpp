#pragma once

#include <fanout/base/detail/fork_generation.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

/// \file
/// Threads for calls that block. `to_thread` brings them to coroutines.
namespace fanout {

/// Limits of a `thread_executor`.
struct thread_limits {
  std::size_t threads = 0;  ///< calls under way, at most; 0 for four more than there are cores, and 32 at most
  std::size_t queue = std::numeric_limits<std::size_t>::max();  ///< calls that wait for a thread; one more is refused
};

class thread_executor;

namespace detail {

class call_frame;

/// A call that a thread makes for a coroutine.
class thread_call {
 public:
  thread_call() = default;
  thread_call(const thread_call&) = delete;
  thread_call& operator=(const thread_call&) = delete;
  virtual ~thread_call() = default;

  /// Makes the call, on a thread; keeps what it returned or threw.
  virtual void perform() noexcept = 0;

  /// Set before the call is handed over: told once, on any thread, that it was made (or else that it was dropped). May
  /// destroy the call, but for references held elsewhere.
  class listener {
   public:
    virtual ~listener() = default;
    virtual void ended(bool performed) = 0;
  };
  std::shared_ptr<listener> on_end;
  std::stop_source stop;
  /// The executor's: the call within which this one was handed over, null where it was none.
  std::shared_ptr<call_frame> outer;
};

/// A call under way within which others were handed over, as those know it.
class call_frame {
 public:
  call_frame(const thread_executor& home, std::shared_ptr<call_frame> outer) : home_(home), outer_(std::move(outer)) {}

  /// The innermost call of `home` among this one and those it is in; null if there is none.
  static call_frame* of(const thread_executor& home, const std::shared_ptr<call_frame>& innermost) noexcept;

 private:
  friend class fanout::thread_executor;
  const thread_executor& home_;  ///< may be gone, and is then only compared
  const std::shared_ptr<call_frame> outer_;
  std::size_t inner_ = 0;  ///< calls of `home_` handed over within this one that have not ended; guarded by its mutex
  bool over_ = false;      ///< guarded so, too
};

}  // namespace detail

/// A bounded set of threads that make blocking calls, first come, first served. A thread is started when a call finds
/// none idle, and stays until the end.
///
/// A call may run a loop of its own (`sync_wait`) whose coroutines hand further calls to the same executor. While such
/// a call has inner ones that have not ended it counts as waiting, and not as under way: a thread more makes up for it,
/// as in Java's ForkJoinPool, so calls within calls end at any depth. (asyncio's executor deadlocks when all its
/// threads wait so; .NET adds threads after a time, to those that only compute, too.) Where no thread can be had for
/// the only calls that could go on, they fail with `std::system_error`. What the executor cannot see is a call that
/// blocks on a coroutine of another thread's loop, which hands over a call in turn: give the two an executor each.
///
/// Destroying it requests the calls under way to stop, waits for them, and drops those that wait for a thread: whoever
/// awaits them is told `operation_aborted`. A call that does not end keeps its destructor, and for the shared one the
/// end of the program, waiting.
///
/// A `fork` does not copy the threads: a forked child must not use an executor that was used before (fanout's own
/// workers are started, not forked).
///
/// Thread safety: all members may be called from any thread, but not its destructor while another is.
class thread_executor {
 public:
  explicit thread_executor(thread_limits limits = {});
  thread_executor(const thread_executor&) = delete;
  thread_executor& operator=(const thread_executor&) = delete;
  ~thread_executor();

  /// The one that `to_thread` uses unless it is given another. Its threads end when the program does.
  static thread_executor& shared();

  struct snapshot {
    std::size_t threads = 0;  ///< started so far
    std::size_t idle = 0;     ///< of these, without a call
    std::size_t waiting = 0;  ///< calls that wait for others which were handed over within them
    std::size_t queued = 0;   ///< calls that wait for a thread
  };
  snapshot statistics() const;

  /// \name For `to_thread`
  /// @{
  /// Throws `fanout::error` of kind `refused_by_policy` when the queue is full, and `std::system_error` when no thread
  /// can be started and there is none that could make the call.
  void submit(std::shared_ptr<detail::thread_call> call);
  /// Requests the call to stop, or drops it if no thread has it yet.
  void cancel(const std::shared_ptr<detail::thread_call>& call);
  /// @}

 private:
  void start_thread();
  void work();
  bool take_back(const detail::thread_call& call);
  std::size_t most_under_way() const noexcept { return limits_.threads + waiting_; }
  std::size_t free_threads() const noexcept;
  void began_inner(detail::call_frame* outer) noexcept;
  void ended_inner(detail::thread_call& inner) noexcept;
  void ended_frame(detail::call_frame& frame) noexcept;

  const thread_limits limits_;
  const std::uint64_t generation_ = detail::fork_generation();
  mutable std::mutex mutex_;  ///< guards all below
  std::condition_variable changed_;
  std::deque<std::shared_ptr<detail::thread_call>> queue_;
  std::vector<std::shared_ptr<detail::thread_call>> under_way_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;     ///< threads without a call, those that are starting among them
  std::size_t waiting_ = 0;  ///< calls under way that wait for inner ones
  bool closing_ = false;
};

}  // namespace fanout
