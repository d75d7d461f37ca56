#pragma once

namespace fanout::detail {

/// The argument that makes a program a worker: this, then the process id of the parent.
inline constexpr const char* worker_argument = "--fanout-worker=";
/// Where a worker finds the socket to its parent and its progress page.
inline constexpr int worker_socket = 3;
inline constexpr int worker_page = 4;

/// Runs tasks until the parent has no more. Returns the exit status of the process.
int run_worker(int parent_pid);

}  // namespace fanout::detail
