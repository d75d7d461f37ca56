#pragma once

#include <fanout/base/saturated_time.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// How worker processes are started, limited, and replaced.
///
///     fanout::options how(fanout::processes(4));
///     how.workers.memory_bytes = 512 << 20;
///     how.workers.retries = 1;
///     how.workers.initializer = fanout::remote<open_database>.call(std::string("names.db"));
namespace fanout {

/// A remote function with its input, to be called in a worker: `remote<f>.call(input)`. A plain value.
struct worker_call {
  std::string function;
  std::string context;
  std::string argument;
};

/// Where a worker's standard output and standard error go.
enum class worker_output {
  inherit,   ///< where those of this process go
  discard,   ///< nowhere
  prefixed,  ///< where those of this process go, line by line, each after the worker's number: "[worker 3] …"
  captured,  ///< to `worker_options::on_output`, line by line
};

/// A line that a worker wrote, without its end.
struct output_line {
  std::uint32_t worker = 0;  ///< its number, from 0; one that replaces another has the same
  bool error = false;        ///< standard error, not standard output
  std::string_view text;     ///< valid during the call; lines over 64 KiB come in pieces
};

/// Options of a run's or a pool's worker processes. What no worker could be given is refused with
/// `std::invalid_argument` before one is started.
struct worker_options {
  /// What is started as a worker, before the argument that makes it one: empty for this program. An interpreter with a
  /// script, or a wrapper such as `nice`; the first is looked for as a shell does. What runs in the end gives that
  /// argument to `serve_worker`, or is this program, whose `init` finds it if it is the only one; and it is of the same
  /// build (`identify_build_by`).
  std::vector<std::string> command = {};

  /// \name Faults
  /// @{
  /// How often a task is tried again when its worker died, or was killed, in mid-task, but for its own time limit. Such
  /// a task has a worker to itself. With 0 no task is started twice.
  std::uint32_t retries = 0;
  /// An input that was alone in its worker when it died, this often, is not tried again: neither now, whatever
  /// `retries` says, nor when it comes again, which is `refused_by_policy`. 0 for never.
  std::uint32_t quarantine_after = 0;
  /// For a worker to get ready, its initializer included; then it is killed, and another is tried. Three that do not
  /// get ready in a row end the run. As long it may take to leave, its finalizer included. Zero or less for any time.
  any_duration<std::chrono::nanoseconds> start_timeout{std::chrono::seconds(60)};
  /// A worker that was given so many is replaced; 0 for never.
  std::uint64_t max_tasks = 0;
  /// @}

  /// \name In each worker
  /// Called once on the worker's first thread, before its first task and after its last. A worker whose initializer
  /// throws does not get ready. The finalizer is not called in a worker that dies or is killed; what it throws is in
  /// the report (`worker_report::warning`), since all tasks are done.
  /// @{
  std::optional<worker_call> initializer = {};
  std::optional<worker_call> finalizer = {};
  /// @}

  /// \name Resources of each worker
  /// @{
  /// Private memory it may have, code and libraries excluded (RLIMIT_DATA); beyond that, allocations fail: 0 for any.
  std::uint64_t memory_bytes = 0;
  /// CPU time it may use altogether (RLIMIT_CPU), in whole seconds; then SIGXCPU ends it: 0 for any.
  any_duration<std::chrono::seconds> cpu_time{0};
  int niceness = 0;                       ///< added to this process's own; negative needs the privilege
  std::vector<std::uint32_t> cores = {};  ///< worker n runs on `cores[n % size]` alone; empty for anywhere
  std::string directory = {};             ///< it works in; empty for this process's own
  /// Set, replaced, or where there is no value, removed, before the program starts.
  std::map<std::string, std::optional<std::string>> environment = {};
  /// @}

  worker_output output = worker_output::inherit;
  /// For `captured`: called on the thread that sees to the workers, which waits: a run's own thread, or a pool's. Must
  /// not throw.
  std::function<void(const output_line&)> on_output = {};
};

}  // namespace fanout
