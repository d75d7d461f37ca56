#pragma once

#include <optional>

namespace fanout::detail {

/// The argument that makes a program a worker: this, then the process id of the parent.
inline constexpr const char* worker_argument = "--fanout-worker=";
/// Where a worker finds the socket to its parent, its progress page, and the reading end of a pipe whose writing end
/// only its parent has: it is closed when the parent is gone.
inline constexpr int worker_socket = 3;
inline constexpr int worker_page = 4;
inline constexpr int worker_lifeline = 5;

/// The parent's process id if this process was started as a worker, by the arguments `main` was given or, where those
/// are not all or not the process's own, by the ones that the system has.
std::optional<int> started_as_worker(int argc, char** argv);

/// Runs tasks until the parent has no more. Returns the exit status of the process.
int run_worker(int parent_pid);

}  // namespace fanout::detail
