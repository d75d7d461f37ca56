#pragma once

#include <fanout/core/shape.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

/// \file
/// What a run cost.
namespace fanout {

/// From when to when a task held the thread of its lane.
struct held_span {
  std::chrono::steady_clock::time_point from;
  std::chrono::steady_clock::time_point to;
};

/// When one task ran and where; kept where `options::timeline` asks for it.
struct task_span {
  std::uint64_t index = 0;
  std::uint32_t lane = 0;
  std::chrono::steady_clock::time_point started;
  std::chrono::steady_clock::time_point finished;
  std::chrono::nanoseconds cpu{-1};  ///< negative where it cannot be told apart
  bool ok = false;
  /// A coroutine: when it held its thread, in order; it waited in between. Pauses of under 20 us are left out, and
  /// after 64 spans the last one is prolonged. Empty for all other tasks: a blocking one holds its thread from start to
  /// finish, whether it computes or waits.
  std::vector<held_span> held;
};

/// What one worker did, all processes together that had its number, one after the other. A plain value.
struct worker_report {
  std::uint64_t tasks = 0;     ///< outcomes it brought, failures among them
  std::uint32_t starts = 0;    ///< processes
  std::uint32_t restarts = 0;  ///< of these, how many died and were replaced
  std::chrono::nanoseconds cpu{0};
  std::uint64_t peak_rss_bytes = 0;  ///< highest resident set of any of its processes; of one that died, as last seen
  std::uint64_t bytes_sent = 0;      ///< to it
  std::uint64_t bytes_received = 0;  ///< from it
  /// What went wrong outside of tasks, the last such thing: an initializer that threw, a finalizer that threw or did
  /// not end; else empty.
  std::string warning = {};
};

/// The cost of one run, all of its processes together. A plain value.
struct report {
  fanout::shape shape;      ///< what ran; for `automatic`, what was chosen
  std::string choice;       ///< `automatic`: what was seen and therefore chosen, in a sentence; else empty
  std::uint64_t tasks = 0;  ///< outcomes, failures among them
  std::uint64_t failures = 0;
  bool stopped = false;  ///< ended before its source did: a stop, a drain, or the first failure of `fail_fast`

  std::chrono::nanoseconds wall{0};
  std::chrono::nanoseconds cpu_user{0};
  std::chrono::nanoseconds cpu_system{0};
  std::uint64_t voluntary_switches = 0;    ///< gave the core up to wait
  std::uint64_t involuntary_switches = 0;  ///< lost it to somebody else
  std::uint64_t peak_rss_bytes = 0;        ///< highest resident set since each process started, summed over processes
  std::uint32_t processes = 1;             ///< processes that ran tasks
  std::uint32_t threads = 1;               ///< threads that ran tasks, over all processes
  std::uint32_t restarts = 0;              ///< worker processes that died and were replaced
  std::uint64_t ipc_bytes = 0;             ///< bytes between processes, both ways
  /// What this process spent on them: encoding inputs, writing, reading, decoding results. What workers spend on their
  /// ends is in the CPU time, and for the most part in that of tasks. Of a run on a pool, encoding and decoding alone.
  std::chrono::nanoseconds ipc_time{0};
  std::vector<worker_report> workers;  ///< by their numbers; empty without workers, and for a run on a pool
  std::vector<task_span> timeline;     ///< in order of completion; empty unless asked for

  std::chrono::nanoseconds cpu() const noexcept { return cpu_user + cpu_system; }
  /// CPU seconds per wall second: 1.9 of 2 cores were busy.
  double cores_used() const noexcept {
    return wall.count() > 0 ? static_cast<double>(cpu().count()) / static_cast<double>(wall.count()) : 0.0;
  }
};

}  // namespace fanout
