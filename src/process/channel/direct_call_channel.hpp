#pragma once

#include <fanout/base/failure.hpp>
#include <fanout/core/detail/remote_job.hpp>

#include "process/channel/wire.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace fanout::detail {

/// A worker that its supervisor has lent out: whoever calls writes to its socket and reads the answer on the calling
/// thread, so that a short call wakes nobody but the worker. Only what goes well is seen to here. A call that takes
/// long, or whose answer is anything but a result, is given back to the supervisor together with the worker, as a task
/// that is under way like any other; so time limits, deaths and garbage have one place where they are dealt with.
///
/// Thread safety: one caller at a time has it, from `direct_call_channels`; the counters may be read by any thread.
class direct_call_channel {
 public:
  /// For how long a caller waits for bytes before it gives the line back.
  static constexpr std::chrono::milliseconds patience{5};
  static constexpr std::size_t most_argument_bytes = 32 * 1024;  ///< which an idle socket takes at once

  direct_call_channel(std::uint32_t worker, int socket, frame_reader& reader, std::uint64_t next_ordinal,
                      std::set<std::uint32_t> told);
  direct_call_channel(const direct_call_channel&) = delete;
  direct_call_channel& operator=(const direct_call_channel&) = delete;

  std::uint32_t worker() const noexcept { return worker_; }

  bool knows(std::uint32_t function) const { return told_.contains(function); }
  /// Tells the worker of a function, in front of the next call.
  void tell_of(std::uint32_t number, const remote_callable& function);

  enum class answer { value, failure, none };
  /// Makes a call. `result` is the encoded value or failure. With `none` the task is under way, unless `unsent` has a
  /// part of it, and the line has to be given back. Throws when there is no memory for the call, which is not made
  /// then.
  answer call(const task_terms& terms, std::string_view argument, std::string& result);

  /// Ends the conversation: the worker is of no more use, and its supervisor finds that out.
  void hang_up() noexcept;

  std::uint64_t next_ordinal() const noexcept { return next_ordinal_; }
  std::set<std::uint32_t>& told() noexcept { return told_; }
  /// Of a call that was sent in part, the rest.
  std::string take_unsent() noexcept {
    out_.erase(0, written_);
    return std::move(out_);
  }

  // Relaxed: they are numbers for a report.
  std::uint64_t tasks() const noexcept { return tasks_.load(std::memory_order_relaxed); }
  std::uint64_t bytes_sent() const noexcept { return sent_.load(std::memory_order_relaxed); }
  std::uint64_t bytes_received() const noexcept { return received_.load(std::memory_order_relaxed); }

 private:
  template <class Append>
  void append_or_forget(Append append);
  answer wait_for_answer(std::string& result);
  answer take_answer(const frame_reader::frame& frame, std::string& result);

  std::uint32_t worker_;
  int socket_;
  frame_reader& reader_;
  std::uint64_t next_ordinal_;
  std::set<std::uint32_t> told_;
  std::string out_;
  std::size_t written_ = 0;  ///< of out_
  friend class direct_call_channels;
  bool wanted_back_ = false;  ///< by its supervisor; guarded by the mutex of `direct_call_channels`, as the next
  bool abandoned_ = false;
  std::atomic<std::uint64_t> tasks_{0};
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> received_{0};
};

/// The lines that are lent out and idle. A supervisor lends workers that are idle while calls come one by one, and
/// wants them back as soon as there are other tasks.
///
/// Thread safety: all members may be called from any thread.
class direct_call_channels {
 public:
  /// A line for one call, to be given back; null when there is none.
  direct_call_channel* check_out();
  /// False when the supervisor wants it, and it was not taken.
  bool check_in(direct_call_channel& line);
  /// Instead, where there is no memory to give it back, or to tell anybody of the call that is under way on it: nobody
  /// uses it again. The worker ends then, and its supervisor takes it back.
  void abandon(direct_call_channel& line) noexcept;

  /// \name For the supervisor
  /// @{
  /// Whether callers have found no line for some time.
  bool wanted();
  /// Sees to it that so many lines can be lent and given back without memory.
  void reserve(std::size_t lines);
  void offer(direct_call_channel& line);
  /// Takes the idle lines back; those in use are not taken by `check_in` any more.
  std::vector<direct_call_channel*> reclaim();
  /// Takes one back if it is idle or abandoned; one in use is not taken by `check_in` any more.
  bool reclaim(direct_call_channel& line);
  /// @}

 private:
  static constexpr int enough_misses = 4;  ///< lending costs about what a call through the supervisor does

  std::mutex mutex_;
  std::vector<direct_call_channel*> idle_;
  int misses_ = 0;
  bool wanted_back_ = false;
};

}  // namespace fanout::detail
