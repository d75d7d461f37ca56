#pragma once

namespace fanout::detail {

/// The argument that makes a program a worker: this, then the process id of the parent.
inline constexpr const char* worker_argument = "--fanout-worker=";
/// Where a worker finds the socket to its parent, its progress page, and the reading end of a pipe whose writing end
/// only its parent has: it is closed when the parent is gone.
inline constexpr int worker_socket = 3;
inline constexpr int worker_page = 4;
inline constexpr int worker_lifeline = 5;

}  // namespace fanout::detail
