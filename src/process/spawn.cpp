#include "process/spawn.hpp"

#include <fanout/base/owned_descriptor.hpp>

#include "async/spawn_settings.hpp"
#include "process/worker.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace fanout::detail {
namespace {

std::string& program_name() {
  static std::string name = "fanout-worker";
  return name;
}

/// This process's environment with changes; `kept` holds the new ones.
std::vector<char*> changed_environment(const std::map<std::string, std::optional<std::string>>& changes,
                                       std::vector<std::string>& kept) {
  std::vector<char*> all;
  for (char** each = environ; *each; ++each) {
    const std::string_view entry = *each;
    if (!changes.contains(std::string(entry.substr(0, entry.find('='))))) all.push_back(*each);
  }
  for (const auto& [name, value] : changes)
    if (value) kept.push_back(fmt::format("{}={}", name, *value));
  for (std::string& each : kept) all.push_back(each.data());
  all.push_back(nullptr);
  return all;
}

}  // namespace

spawned_worker::spawned_worker(spawned_worker&& other) noexcept
    : pid(std::exchange(other.pid, -1)),
      pidfd(std::exchange(other.pidfd, -1)),
      socket(std::exchange(other.socket, -1)) {}

spawned_worker::~spawned_worker() {
  if (socket >= 0) close(socket);
  if (pidfd >= 0) close(pidfd);
  if (pid < 0) return;
  kill(pid, SIGKILL);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void remember_program(const char* name) {
  program_name() = name;
}

spawned_worker spawn_worker(int page, const worker_surroundings& surroundings) {
  std::array<int, 2> pair{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot make the socket to a worker process");
  owned_descriptor ours(pair[0]);
  const owned_descriptor theirs(pair[1]);
  fcntl(ours.value(), F_SETFL, fcntl(ours.value(), F_GETFL) | O_NONBLOCK);
  const owned_descriptor socket = copied_above(theirs.value(), worker_page + 1);
  const owned_descriptor shared = copied_above(page, worker_page + 1);

  spawn_settings how;
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGINT);
  how.open(STDIN_FILENO, "/dev/null", O_RDONLY);
  owned_descriptor output;  // above what is overwritten, as the others
  owned_descriptor error;
  if (surroundings.output >= 0) {
    output = copied_above(surroundings.output, worker_page + 1);
    how.duplicate(output.value(), STDOUT_FILENO);
  }
  if (surroundings.error >= 0) {
    error = copied_above(surroundings.error, worker_page + 1);
    how.duplicate(error.value(), STDERR_FILENO);
  }
  if (surroundings.directory && !surroundings.directory->empty()) how.change_directory(surroundings.directory->c_str());
  std::vector<std::string> kept;
  std::vector<char*> changed;
  char** environment = environ;
  if (surroundings.environment && !surroundings.environment->empty()) {
    changed = changed_environment(*surroundings.environment, kept);
    environment = changed.data();
  }
  how.duplicate(socket.value(), worker_socket);
  how.duplicate(shared.value(), worker_page);
  how.close_from(worker_page + 1);
  how.reset_signals(blocked);

  const std::string mode = fmt::format("{}{}", worker_argument, getpid());
  std::array<char*, 3> arguments{program_name().data(), const_cast<char*>(mode.c_str()), nullptr};
  spawned_worker child;
  const char* const program = surroundings.program ? surroundings.program : "/proc/self/exe";
  if (const int failed = posix_spawn(&child.pid, program, how.files(), how.attributes(), arguments.data(), environment))
    throw std::system_error(failed, std::generic_category(),
                            surroundings.directory && !surroundings.directory->empty()
                                ? fmt::format("cannot start a worker process in {}", *surroundings.directory)
                                : "cannot start a worker process");
  // By number: glibc 2.36 declares pidfd_open() without C linkage.
  child.pidfd = static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0));
  if (child.pidfd < 0) throw std::system_error(errno, std::generic_category(), "cannot watch a worker process");
  fcntl(child.pidfd, F_SETFD, FD_CLOEXEC);
  child.socket = ours.release();
  return child;
}

}  // namespace fanout::detail
