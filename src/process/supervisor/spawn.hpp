#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fanout::detail {

/// A child process and the descriptors that lead to it. Whoever takes one over sets it to -1 here; the rest is closed,
/// killed and reaped on destruction.
struct spawned_worker {
  spawned_worker() = default;
  spawned_worker(spawned_worker&& other) noexcept;
  spawned_worker& operator=(spawned_worker&&) = delete;
  ~spawned_worker();

  pid_t pid = -1;
  int pidfd = -1;             ///< readable once the child has ended; -1 where the system has none (valgrind 3.19)
  int socket = -1;            ///< our end of the socketpair; non-blocking
  owned_descriptor lifeline;  ///< the child is killed when the last copy of it is closed
};

/// What a worker finds itself in.
struct worker_surroundings {
  const char* program = nullptr;                      ///< null for this program's own file, whatever became of its name
  const std::vector<std::string>* command = nullptr;  ///< null or empty for this program; else before the argument
  const std::string* directory = nullptr;             ///< null or empty for this process's own
  const std::map<std::string, std::optional<std::string>>* environment = nullptr;  ///< changes to it
  int output = -1;  ///< for its standard output; -1 for this process's own
  int error = -1;
};

/// Starts this program, or the one that `how` names, as a worker: `posix_spawn` of the executable, never `fork`, which
/// is not safe in a process with threads. The child starts with SIGINT blocked, until it has seen to it that Ctrl-C,
/// which reaches the whole process group, does not end it before its parent has decided what it means; other signals
/// are unblocked and have their default effect. It inherits its ends of the socket and the lifeline, the descriptor
/// `page`, stdout and stderr, an empty stdin, and nothing else, but for what `how` says. Throws `std::system_error`.
spawned_worker spawn_worker(int page, const worker_surroundings& how);

/// What `init` remembers of how this program was started.
void remember_program(const char* name);

}  // namespace fanout::detail
