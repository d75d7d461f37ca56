#pragma once

#include <fanout/base/failure.hpp>
#include <fanout/core/detail/remote_job.hpp>

#include "process/channel/wire.hpp"
#include "process/channel/worker_channel.hpp"

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

/// The channel of a worker that is checked out of its supervisor: whoever calls sends the call and receives the answer
/// on the calling thread, so that a short call wakes nobody but the worker. Only success is dealt with here. A call
/// that takes long, or whose answer is anything but a result, goes back to the supervisor together with the worker, as
/// a task that is under way like any other; so time limits, deaths and garbage have one place where they are dealt
/// with.
///
/// Thread safety: one caller at a time has it, from `direct_call_channels`; the counter may be read by any thread.
class direct_call_channel {
 public:
  /// For how long a caller waits for bytes before the call goes to the supervisor.
  static constexpr std::chrono::milliseconds patience{5};
  static constexpr std::size_t most_argument_bytes = 32 * 1024;  ///< which an idle socket takes at once

  /// `channel` waits for `patience` in its reads until this is gone.
  direct_call_channel(std::uint32_t worker, worker_channel& channel, std::uint64_t next_ordinal,
                      std::set<std::uint32_t> told);
  direct_call_channel(const direct_call_channel&) = delete;
  direct_call_channel& operator=(const direct_call_channel&) = delete;

  std::uint32_t worker() const noexcept { return worker_; }

  bool knows(std::uint32_t function) const { return told_.contains(function); }
  /// Tells the worker of a function, in front of the next call.
  void tell_of(std::uint32_t number, const remote_callable& function);

  enum class answer { value, failure, none };
  /// Makes a call. `result` is the encoded value or failure. With `none` the task is under way, or as much of it as the
  /// worker's channel could send, and the call has to go to the supervisor. Throws when there is no memory for the
  /// call, which is not made then.
  answer call(const task_terms& terms, std::string_view argument, std::string& result);

  /// Ends the conversation: the worker is of no more use, and its supervisor finds that out.
  void hang_up() noexcept { channel_.hang_up(); }

  std::uint64_t next_ordinal() const noexcept { return next_ordinal_; }
  std::set<std::uint32_t>& told() noexcept { return told_; }
  /// Frames that were to be sent in front of the next call.
  std::string take_unsent() noexcept { return std::exchange(out_, {}); }

  // Relaxed: it is a number for a report.
  std::uint64_t tasks() const noexcept { return tasks_.load(std::memory_order_relaxed); }

 private:
  template <class Append>
  void append_or_forget(Append append);
  answer wait_for_answer(std::string& result);
  answer take_answer(const frame_reader::frame& frame, std::string& result);

  std::uint32_t worker_;
  worker_channel& channel_;
  std::uint64_t next_ordinal_;
  std::set<std::uint32_t> told_;
  std::string out_;
  friend class direct_call_channels;
  bool wanted_back_ = false;  ///< by its supervisor; guarded by the mutex of `direct_call_channels`, as the next
  bool abandoned_ = false;
  std::atomic<std::uint64_t> tasks_{0};
};

/// The channels that are checked out of a supervisor and idle. It offers those of idle workers while calls come one by
/// one, and reclaims them as soon as there are other tasks.
///
/// Thread safety: all members may be called from any thread.
class direct_call_channels {
 public:
  /// A channel for one call, to be checked in again; null when there is none.
  direct_call_channel* check_out();
  /// False when the supervisor wants it, and it was not taken.
  bool check_in(direct_call_channel& channel);
  /// Instead, where there is no memory to check it in, or to tell anybody of the call that is under way on it: nobody
  /// uses it again. The worker ends then, and its supervisor takes it back.
  void abandon(direct_call_channel& channel) noexcept;

  /// \name For the supervisor
  /// @{
  /// Whether callers have found no channel for some time.
  bool wanted();
  /// Sees to it that so many channels can be offered and checked in without memory.
  void reserve(std::size_t channels);
  void offer(direct_call_channel& channel);
  /// Takes the idle channels back; those in use are not taken by `check_in` any more.
  std::vector<direct_call_channel*> reclaim();
  /// Takes one back if it is idle or abandoned; one in use is not taken by `check_in` any more.
  bool reclaim(direct_call_channel& channel);
  /// @}

 private:
  static constexpr int enough_misses = 4;  ///< to check one out costs about what a call through the supervisor does

  std::mutex mutex_;
  std::vector<direct_call_channel*> idle_;
  int misses_ = 0;
  bool wanted_back_ = false;
};

}  // namespace fanout::detail
