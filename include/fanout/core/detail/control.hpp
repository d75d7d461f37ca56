#pragma once

#include <fanout/base/failure.hpp>
#include <fanout/core/options.hpp>
#include <fanout/core/outcome.hpp>
#include <fanout/core/report.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <unordered_map>
#include <vector>

/// \file
/// The state that all lanes of one run share. Not for users: `run` is built from it.
namespace fanout::detail {

/// When a run ends and why, and what came out of it so far.
///
/// A run ends in one of three ways, each final: the source is *exhausted*; the run is *draining* (nothing more is
/// pulled); or it is *aborted* (tasks under way are cancelled too). A stop, a drain, the first failure under
/// `fail_fast` and an exception of the source or the sink all come down to one of them.
///
/// Thread safety: all members may be called from any thread, except `count` and `finish`, which `run` serialises.
class run_control {
 public:
  explicit run_control(const fanout::options& options);
  run_control(const run_control&) = delete;
  run_control& operator=(const run_control&) = delete;
  ~run_control();

  const fanout::options& options() const noexcept { return options_; }

  /// Relaxed: they only decide whether to go on. What they guard is handed over under the source's and sink's mutexes.
  bool pulling() const noexcept { return pulling_.load(std::memory_order_relaxed); }
  bool aborted() const noexcept { return aborted_.load(std::memory_order_relaxed); }
  std::stop_token stop_token() const noexcept { return abort_.get_token(); }

  void exhaust();  ///< the source has ended
  void drain();
  void abort();
  /// Drains or aborts as `options::interrupt` says.
  void follow_interrupt() {
    if (options_.interrupt) follow_raised();
  }
  /// Ends the run with an exception of the source or the sink, which `rethrow_broken` throws; the first one counts.
  void break_off(std::exception_ptr why);
  bool broken() const noexcept { return broken_flag_.load(std::memory_order_acquire); }
  void rethrow_broken();

  /// Becomes readable, and stays so, when pulling ends: for lanes that wait for a source's descriptor.
  int wake_handle() const noexcept { return wake_; }

  /// \name Waiting for a source
  /// Several lanes may wait for one descriptor, and the one that wakes first may read more inputs than it takes. A
  /// lane therefore books its wait while it still holds the source's mutex, and whoever leaves inputs behind under that
  /// mutex wakes another: no wake-up can fall between a lane's look and its wait. A second wake-up is sent only when
  /// some lane has begun or ended a wait since the first, so that a flood of inputs does not become one of wake-ups.
  /// @{
  void begin_wait() noexcept {
    wake_sent_.store(false);
    waiting_.fetch_add(1);
  }
  void end_wait() noexcept {
    waiting_.fetch_sub(1);
    wake_sent_.store(false);  // it may have taken the wake-up; those that wait on are owed another
  }
  bool anyone_waiting() const noexcept { return waiting_.load() > 0; }
  /// Wakes the lanes that wait, to ask the source again.
  void wake_waiting();
  /// Readable for each `wake_waiting`, for a lane without a loop; read it to take the wake-up.
  int more_handle() const noexcept { return more_; }
  /// @}

  /// Calls `changed` on `wake_waiting`, when pulling ends and when the run is aborted, on the thread that does it,
  /// until the returned object is destroyed. `changed` must not block.
  class observer {
   public:
    observer(run_control& control, std::function<void()> changed);
    observer(const observer&) = delete;
    observer& operator=(const observer&) = delete;
    ~observer();

   private:
    friend class run_control;
    run_control& control_;
    std::function<void()> changed_;
    observer* next_ = nullptr;
  };

  /// For the span of the task that is counted next under this index.
  void keep_held(std::uint64_t index, std::vector<held_span> held);
  /// Books one outcome: counts it, keeps its span, calls `on_progress`, aborts under `fail_fast`.
  void count(const outcome_facts& facts, bool ok);
  /// The same for tasks that succeeded, where nobody is to see them one by one.
  bool counts_each() const noexcept { return options_.timeline || options_.on_progress; }
  void count_succeeded(std::uint64_t tasks) noexcept { report_.tasks += tasks; }
  /// The failure of a task that ended because it was told to; keeps `reason` when it has another cause of its own.
  failure classify_stopped(failure reason, bool timed_out, std::chrono::nanoseconds limit) const;
  failure cancelled() const;
  failure timed_out(std::chrono::nanoseconds limit, std::string_view how) const;

  std::uint64_t finished() const noexcept { return report_.tasks; }
  /// The report, with what was counted; whoever ran the tasks fills in the rest.
  fanout::report finish(const fanout::shape& ran);

 private:
  void follow_raised();
  void close_handles() noexcept;
  void end_pulling();  ///< with mutex_ held
  void notify();       ///< with mutex_ held

  const fanout::options& options_;
  std::atomic<bool> pulling_{true};
  std::atomic<bool> aborted_{false};
  std::atomic<bool> broken_flag_{false};
  bool exhausted_ = false;
  std::exception_ptr broken_;
  std::stop_source abort_;
  std::atomic<int> waiting_{0};
  std::atomic<bool> wake_sent_{false};  ///< a wake-up is on its way to those that wait
  int wake_ = -1;
  int more_ = -1;
  std::mutex mutex_;  ///< guards exhausted_, broken_, observers_ and held_
  observer* observers_ = nullptr;

  std::unordered_map<std::uint64_t, std::vector<held_span>> held_;  ///< of tasks that are not counted yet
  fanout::report report_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point next_progress_ = started_;

  // Last: they may fire as soon as they exist.
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
  std::optional<std::stop_callback<std::function<void()>>> on_drain_;
};

}  // namespace fanout::detail
