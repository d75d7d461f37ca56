#pragma once

#include <fanout/base/saturated_time.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <source_location>
#include <string>
#include <vector>

/// \file
/// What debugging says of tasks, as plain values.
namespace fanout {

/// One thing worth knowing about one task.
struct debug_report {
  enum class kind {
    stalling,            ///< it is holding its loop, for longer than the threshold already; told once, while it goes on
    stalled,             ///< it held its loop for longer than the threshold: it computed or blocked between two awaits
    failure_unobserved,  ///< it failed, and the failure was thrown at nobody: another one was first
    destroyed_pending,   ///< its loop was destroyed before it had ended
  };
  kind what = kind::stalled;
  std::string task = {};                 ///< its name, or what spawned it
  std::source_location spawned_at = {};  ///< line 0 where it is not known: `gather` of separate arguments without it
  std::chrono::nanoseconds held = {};    ///< `stalled`: for how long; `stalling`: so far
  std::exception_ptr failure = nullptr;  ///< `failure_unobserved`: with what

  /// One line for a human.
  std::string text() const;
};

struct debug_options {
  bool enabled = false;
  any_duration<std::chrono::nanoseconds> stall_threshold = std::chrono::milliseconds(100);
  /// Called on the thread that found out, which a long call holds up: for `stalling` that is a thread which watches the
  /// others while debugging is on, so it may be called by two at the same time. It must not throw.
  std::function<void(const debug_report&)> on_report = {};
};

/// A live task, as `dump_tasks` found it.
struct task_state {
  std::uint64_t id = 0;
  std::uint64_t parent = 0;  ///< id of the task that awaits it; 0: not a watched one
  std::string name = {};
  std::source_location spawned_at = {};
  std::string waiting_for = {};  ///< as far as it said so; empty: running, or waiting for something of Asio's own
};

/// The tree of `tasks`, a line each.
std::string to_string(const std::vector<task_state>& tasks);

}  // namespace fanout
