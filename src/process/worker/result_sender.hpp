#pragma once

#include <fanout/base/failure.hpp>

#include "process/channel/unsent_results.hpp"
#include "process/worker/parent_link.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace fanout::detail {

/// Results on their way to the parent. A result of a task of some length is worth a system call; those of tiny tasks
/// share one, and the bookkeeping, too: a lane that has all tasks to itself collects them in a run, task by task,
/// without a lock. What is collected must not wait behind a task that turns out long, so the thread that holds the lock
/// may send the part of the run that is complete, while the lane goes on writing behind it.
///
/// Until they are sent they are where the parent finds them if this process dies (`unsent_results`).
///
/// Thread safety: any thread, but for `collect`.
class result_sender {
 public:
  using clock = std::chrono::steady_clock;

  struct ended_task {
    std::uint64_t ordinal = 0;
    std::uint32_t lane = 0;
    clock::time_point started;
    clock::time_point finished;
    std::chrono::nanoseconds cpu{-1};
  };

  result_sender(parent_link& parent, unsent_results& unsent);

  /// Sends the result, at once or together with those to come. `value` is lost.
  void add(const ended_task& task, std::string& value, std::optional<failure>& failed);
  /// The same for the one lane that takes all tasks. Runs do not go on from one batch into the next.
  void collect(const ended_task& task, std::string& value, std::optional<failure>& failed, bool first_of_batch);

  /// Whether something waits to be sent.
  bool waiting() const noexcept {
    return frame_waits_.load(std::memory_order_relaxed) || run_waits_.load(std::memory_order_relaxed);
  }
  void flush();
  /// Sends what has waited for long enough.
  void flush_due();
  /// Sends another frame.
  void send(std::string_view frame);

  static constexpr std::chrono::milliseconds flush_interval{1};

 private:
  static constexpr std::size_t flush_bytes = 64 * 1024;
  static constexpr std::size_t run_bytes = unsent_results::run_bytes;

  bool fits(const ended_task& task, std::string_view value) const;
  void begin_run(const ended_task& task);
  void take_run();
  void append(const results_header& header, std::string_view value);
  void appended(std::size_t bytes);
  bool due(clock::time_point now) const noexcept;
  void flush_locked(clock::time_point now);
  char* frame_end() noexcept { return unsent_.frame.data() + sizeof(frame_header) + size_; }
  std::size_t room() const noexcept { return unsent_results::frame_bytes - size_; }

  parent_link& parent_;
  unsent_results& unsent_;
  std::mutex mutex_;        ///< guards what follows, the frame, and the sending side of the socket
  std::uint32_t size_ = 0;  ///< of the frame
  std::uint32_t sent_ = 0;  ///< of the run, or in the frame
  std::atomic<bool> frame_waits_{false};
  std::atomic<bool> run_waits_{false};  ///< set by the lane after it has counted, taken back before the count is read
  std::atomic<std::int64_t> flushed_ns_;
  std::int64_t run_finished_ns_ = 0;  ///< the lane's own
};

}  // namespace fanout::detail
