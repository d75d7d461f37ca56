#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <source_location>
#include <string>
#include <vector>

/// \file
/// What asyncio's debug mode tells, for the children of `gather`, `task_group`, `timeout` and their like.
///
///     FANOUT_DEBUG=1 ./program                           # reports go to standard error
///
///     fanout::set_debug({.enabled = true, .on_report = [](const fanout::debug_report& each) { log(each.text()); }});
///     log(fanout::to_string(fanout::dump_tasks()));      // who is alive, and what each waits for
///
/// A task is watched if debugging was on when it was spawned. Off, it costs a load and a branch for each child.
///
/// Thread safety: all of it may be called from any thread.
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
  std::chrono::nanoseconds stall_threshold = std::chrono::milliseconds(100);
  /// Called on the thread that found out, which a long call holds up: for `stalling` that is a thread which watches the
  /// others while debugging is on, so it may be called by two at the same time. It must not throw.
  std::function<void(const debug_report&)> on_report = {};
};

/// Replaces what the environment said: with FANOUT_DEBUG set, and not 0, debugging is on from the start of the program.
/// After it returns, `on_report` of the options before is not called for `stalling` any more; not from within it.
void set_debug(debug_options options);

/// A live task, as `dump_tasks` found it.
struct task_state {
  std::uint64_t id = 0;
  std::uint64_t parent = 0;  ///< id of the task that awaits it; 0: not a watched one
  std::string name = {};
  std::source_location spawned_at = {};
  std::string waiting_for = {};  ///< as far as it said so; empty: running, or waiting for something of Asio's own
};

/// The live tasks that are watched, parents before their children.
std::vector<task_state> dump_tasks();

/// The tree of `tasks`, a line each.
std::string to_string(const std::vector<task_state>& tasks);

}  // namespace fanout
