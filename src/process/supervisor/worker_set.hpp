#pragma once

#include <fanout/core/detail/control.hpp>
#include <fanout/core/report.hpp>
#include <fanout/core/shape.hpp>

#include "process/supervisor/retry.hpp"
#include "process/supervisor/worker_process.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fanout::detail {

/// What a set of workers calls when something happens to one of them.
class worker_events {
 public:
  /// Asked once of each worker: what is called with the frames that it sends.
  virtual std::function<void(const frame_reader::frame&)> frames_of(worker_process& worker) = 0;
  /// The worker has ended and was taken out of the set; it is there until the next one of its number ends.
  virtual void ended(worker_process& worker, const worker_end& end) = 0;
  /// Workers may be started again, after a time in which they could not.
  virtual void may_start_again() = 0;

 protected:
  ~worker_events() = default;
};

/// The workers of one run: starts them, attends them until they have ended and been reaped, ends them, and books what
/// they cost. What they do meanwhile is not known here.
///
/// Thread safety: none; it belongs to its loop.
class worker_set {
 public:
  worker_set(asio::io_context& loop, run_control& control, const fanout::shape& shape, bool needs_loops, report& cost,
             restart_rules& restarts, worker_events& events);
  worker_set(const worker_set&) = delete;
  worker_set& operator=(const worker_set&) = delete;

  /// By number; null where none runs.
  worker_process* at(std::uint32_t number) const noexcept { return workers_[number].get(); }
  std::size_t size() const noexcept { return workers_.size(); }
  auto begin() const noexcept { return workers_.begin(); }
  auto end() const noexcept { return workers_.end(); }
  /// The same, for rules that know no processes.
  std::span<worker_record* const> records() const noexcept { return records_; }
  /// Those that ended last.
  const std::vector<std::unique_ptr<worker_process>>& ended() const noexcept { return ended_; }
  std::uint32_t running() const noexcept { return running_; }
  /// Whether a worker may be started where none runs.
  bool may_start() const noexcept { return !start_failed_; }

  /// The worker of that number, which is started if need be; null when that cannot be. Breaks the run off when the
  /// system refuses and no other worker runs.
  worker_process* obtain(std::uint32_t number);
  /// Tells a worker that there is no more; if it does not leave in time, it is killed.
  void let_go(worker_process& worker);
  /// None is started again.
  void stop();

  /// \name Frames about a worker's life
  /// @{
  void on_hello(worker_process& worker, std::string_view payload);
  void on_goodbye(worker_process& worker, std::string_view payload);
  void on_startup_error(worker_process& worker, std::string_view payload);
  /// @}
  /// Of an end that was not asked for: the worker may be replaced, but not for ever.
  void judge_end(const worker_process& worker, const worker_end& end);
  /// What those that run have cost so far.
  void add_running(report& cost) const;

 private:
  static constexpr std::size_t longest_text = 4096;  ///< of what a worker says went wrong
  /// For a worker without a finalizer to say goodbye.
  static constexpr std::chrono::seconds leave_grace{5};

  void start(std::uint32_t number);
  void begin_attending(worker_process& worker);
  task<void> attend(worker_process& worker);
  void lose(worker_process& worker, std::exception_ptr why) noexcept;
  void on_end(worker_process& worker, const worker_end& end);
  void watch_start(worker_process& worker);
  void watch_leave(worker_process& worker);
  void start_later(std::chrono::milliseconds pause);
  void book(const worker_process& worker, const worker_end& end);

  asio::io_context& loop_;
  run_control& control_;
  const fanout::shape shape_;
  const bool needs_loops_;
  report& cost_;
  restart_rules& restarts_;
  worker_events& events_;
  std::vector<std::unique_ptr<worker_process>> workers_;
  std::vector<worker_record*> records_;
  /// It may be among the callers of what removes it.
  std::vector<std::unique_ptr<worker_process>> ended_;
  std::uint32_t running_ = 0;
  std::string startup_error_;  ///< of the last worker that reported one
  bool start_failed_ = false;  ///< no worker is started for a while
  bool stopped_ = false;
  asio::steady_timer start_again_timer_;
  std::shared_ptr<const bool> alive_ = std::make_shared<bool>(true);  ///< for coroutines that outlive this
};

}  // namespace fanout::detail
