#pragma once

#include <fanout/base/failure.hpp>

#include "process/parent_link.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace fanout::detail {

/// Results on their way to the parent. A result of a task of some length is worth a system call; those of tiny tasks
/// share one, and the bookkeeping, too: a lane that has all tasks to itself collects them in a run, task by task,
/// without a lock. What is collected must not wait behind a task that turns out long, so whoever holds the lock may
/// send the part of the run that is complete, while the lane goes on writing behind it.
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

  explicit result_sender(parent_link& parent);

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
  static constexpr std::uint32_t run_tasks = 8192;
  static constexpr std::size_t run_bytes = 64 * 1024;
  static constexpr std::size_t flush_bytes = 64 * 1024;

  /// What the lane has collected. It alone writes, and what it has counted in `complete` it does not change until it
  /// begins anew, under the lock.
  struct run {
    std::uint64_t first_ordinal = 0;
    std::int64_t started_ns = 0;
    std::uint32_t lane = 0;
    std::array<std::uint32_t, run_tasks> ends{};        ///< of each task, from the start of the run, in ns
    std::array<std::uint32_t, run_tasks> value_ends{};  ///< of each value in bytes
    std::array<char, run_bytes> bytes{};
    std::atomic<std::uint32_t> complete{0};
    std::atomic<bool> uniform{true};  ///< all values are of one size
    std::uint32_t sent = 0;
  };

  bool fits(const ended_task& task, std::string_view value) const;
  void begin_run(const ended_task& task);
  void take_run();
  void append_header(const results_header& header);
  void after_append(clock::time_point now);
  void flush_locked(clock::time_point now);

  parent_link& parent_;
  std::mutex mutex_;  ///< guards what follows, and the sending side of the socket
  std::string results_;
  std::optional<frame_writer> frame_;
  std::unique_ptr<run> run_;
  std::atomic<bool> frame_waits_{false};
  std::atomic<bool> run_waits_{false};  ///< set by the lane after it has counted, taken back before the count is read
  std::atomic<std::int64_t> flushed_ns_;
  std::int64_t run_finished_ns_ = 0;  ///< the lane's own
};

}  // namespace fanout::detail
