#pragma once

#include <fanout/core/detail/remote_job.hpp>

#include "process/channel/wire.hpp"
#include "process/supervisor/task_ledger.hpp"
#include "process/worker/worker_settings.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace fanout::detail {

/// Frames for one worker, written and not yet queued for its socket, so that many travel together; and the functions
/// that the worker knows.
///
/// Each of these writes a whole frame, or throws and writes none of it.
///
/// Thread safety: none.
class worker_outbox {
 public:
  bool empty() const noexcept { return frames_.empty(); }
  std::string_view frames() const noexcept { return frames_; }
  void clear() noexcept { frames_.clear(); }

  void write_setup(const worker_settings& settings, const setup_frame& setup);
  /// The function with its number, unless the worker knows it.
  void tell_of(std::uint32_t function, const remote_job& job);
  /// That a function the worker may know is no more; nothing is written when it is not to `tell`.
  void forget(std::uint32_t function, bool tell);
  /// Tasks, the first of which has this ordinal. Where `inputs_follow`, their inputs are to be sent behind the frame.
  void write_tasks(std::uint64_t first_ordinal, bool more_may_come, const task_bundle& tasks, bool inputs_follow);
  void write_recall(std::uint32_t keep);

  /// What was written from here on can be taken back.
  std::size_t mark() const noexcept { return frames_.size(); }
  void take_back_to(std::size_t mark) noexcept { frames_.resize(mark); }

  /// While a direct call channel sends functions to the worker.
  std::set<std::uint32_t> take_told() noexcept { return std::exchange(told_, {}); }
  void set_told(std::set<std::uint32_t> told) noexcept { told_ = std::move(told); }

 private:
  template <class Write>
  void whole(Write write);

  std::string frames_;
  std::set<std::uint32_t> told_;
};

}  // namespace fanout::detail
