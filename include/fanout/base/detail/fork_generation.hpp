#pragma once

#include <cstdint>

/// \file
/// Telling a fork of a process from the process. Not for users.
namespace fanout::detail {

/// How many calls of fork(2) lie between the process in which this was first called and this one. A fork copies memory
/// and one thread: what else belongs to an object (threads, sockets in use, child processes) stays with the process
/// that made it, and an object that notes this number when it is made can tell that it is a copy. (Rejected: comparing
/// process ids, which is a system call each time.)
///
/// Thread safety: any thread. Forks that go around the C library (a bare clone(2)) are not counted.
std::uint64_t fork_generation() noexcept;

}  // namespace fanout::detail
