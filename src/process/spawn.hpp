#pragma once

#include <sys/types.h>

namespace fanout::detail {

/// A child process and the descriptors that lead to it; whoever holds one closes them and reaps the child.
struct spawned_worker {
  pid_t pid = -1;
  int pidfd = -1;   ///< readable once the child has ended
  int socket = -1;  ///< our end of the socketpair; non-blocking
};

/// Starts this program as a worker: `posix_spawn` of its own executable, never `fork`, which is not safe in a process
/// with threads. The child inherits its end of the socket, the descriptor `page`, stdout and stderr, an empty stdin,
/// and nothing else. Throws `std::system_error`.
spawned_worker spawn_worker(int page);

/// What `init` remembers of how this program was started.
void remember_program(const char* name);

}  // namespace fanout::detail
