#include "process/spawn.hpp"

#include "process/worker.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace fanout::detail {
namespace {

std::string& program_name() {
  static std::string name = "fanout-worker";
  return name;
}

void check(int failed, const char* what) {
  if (failed) throw std::system_error(failed, std::generic_category(), what);
}

/// Frees what posix_spawn's two option objects hold.
struct spawn_settings {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  spawn_settings() {
    check(posix_spawn_file_actions_init(&files), "cannot prepare a worker process");
    check(posix_spawnattr_init(&attributes), "cannot prepare a worker process");
  }
  spawn_settings(const spawn_settings&) = delete;
  spawn_settings& operator=(const spawn_settings&) = delete;
  ~spawn_settings() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
};

/// Closes a descriptor unless it was released.
struct owned_descriptor {
  int value = -1;
  explicit owned_descriptor(int descriptor) : value(descriptor) {}
  owned_descriptor(const owned_descriptor&) = delete;
  owned_descriptor& operator=(const owned_descriptor&) = delete;
  ~owned_descriptor() {
    if (value >= 0) close(value);
  }
  int release() { return std::exchange(value, -1); }
};

/// Descriptors that `dup2` would overwrite before they were copied themselves are moved out of the way first.
owned_descriptor above_targets(int descriptor) {
  const int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, worker_page + 1);
  if (moved < 0) throw std::system_error(errno, std::generic_category(), "cannot start a worker process");
  return owned_descriptor(moved);
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

spawned_worker spawn_worker(int page) {
  std::array<int, 2> pair{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot make the socket to a worker process");
  owned_descriptor ours(pair[0]);
  owned_descriptor theirs(pair[1]);
  fcntl(ours.value, F_SETFL, fcntl(ours.value, F_GETFL) | O_NONBLOCK);
  const owned_descriptor socket = above_targets(theirs.value);
  const owned_descriptor shared = above_targets(page);

  spawn_settings how;
  sigset_t blocked;
  sigset_t all;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGINT);
  sigfillset(&all);
  check(posix_spawn_file_actions_addopen(&how.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0), "cannot start a worker");
  check(posix_spawn_file_actions_adddup2(&how.files, socket.value, worker_socket), "cannot start a worker");
  check(posix_spawn_file_actions_adddup2(&how.files, shared.value, worker_page), "cannot start a worker");
  check(posix_spawn_file_actions_addclosefrom_np(&how.files, worker_page + 1), "cannot start a worker");
  check(posix_spawnattr_setsigmask(&how.attributes, &blocked), "cannot start a worker");
  check(posix_spawnattr_setsigdefault(&how.attributes, &all), "cannot start a worker");
  check(posix_spawnattr_setflags(&how.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF),
        "cannot start a worker");

  const std::string mode = fmt::format("{}{}", worker_argument, getpid());
  std::array<char*, 3> arguments{program_name().data(), const_cast<char*>(mode.c_str()), nullptr};
  spawned_worker child;
  check(posix_spawn(&child.pid, "/proc/self/exe", &how.files, &how.attributes, arguments.data(), environ),
        "cannot start a worker process");
  // By number: glibc 2.36 declares pidfd_open() without C linkage.
  child.pidfd = static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0));
  if (child.pidfd < 0) throw std::system_error(errno, std::generic_category(), "cannot watch a worker process");
  fcntl(child.pidfd, F_SETFD, FD_CLOEXEC);
  child.socket = ours.release();
  return child;
}

}  // namespace fanout::detail
