#include "process/supervisor/spawn.hpp"

#include <fanout/async/detail/spawn_settings.hpp>
#include <fanout/base/detail/owned_descriptor.hpp>

#include "process/channel/worker_descriptors.hpp"

#include <climits>
#include <fmt/format.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <optional>
#include <stdexcept>
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

/// What a start that failed was to be. The system's reason follows.
std::string why_not(const worker_surroundings& surroundings) {
  if (surroundings.command && !surroundings.command->empty())
    return fmt::format("cannot start a worker process by the command {}", surroundings.command->front());
  if (surroundings.directory && !surroundings.directory->empty())
    return fmt::format("cannot start a worker process in {}", *surroundings.directory);
  if (!surroundings.program && access("/proc/self/exe", F_OK) != 0)
    return "cannot start a worker process: workers are this program, started again by way of /proc/self/exe, and /proc "
           "is not mounted here";
  return "cannot start a worker process";
}

/// This program's own file, also if it was renamed or removed. Under valgrind the link /proc/self/exe leads to
/// valgrind, but reading it gives the program's name.
const char* own_file() {
  static const std::string file = [] {
    const char* const preloaded = std::getenv("LD_PRELOAD");
    std::array<char, PATH_MAX> name{};
    if (preloaded && std::string_view(preloaded).find("vgpreload") != std::string_view::npos &&
        readlink("/proc/self/exe", name.data(), name.size() - 1) > 0)
      return std::string(name.data());
    return std::string("/proc/self/exe");
  }();
  return file.c_str();
}

/// A program that was started as an argument of the dynamic loader is not the file its process was made from, and that
/// file, started again, would be the loader without a program.
void check_program() {
  static const bool started_by_loader = [] {
    std::array<char, PATH_MAX> file{};
    if (readlink("/proc/self/exe", file.data(), file.size() - 1) <= 0) return false;
    const std::string_view path(file.data());
    const std::string_view name = path.substr(path.rfind('/') + 1);
    return name.starts_with("ld-linux") || name.starts_with("ld-2.") || name.starts_with("ld.so") ||
           name.starts_with("ld-musl") || name.starts_with("ld64.so");
  }();
  if (started_by_loader)
    throw std::runtime_error(
        "cannot start a worker process: workers are this program, started again, and this process was started through "
        "the dynamic loader (ld.so); start the program by its own name");
}

}  // namespace

spawned_worker::spawned_worker(spawned_worker&& other) noexcept
    : pid(std::exchange(other.pid, -1)),
      pidfd(std::exchange(other.pidfd, -1)),
      socket(std::exchange(other.socket, -1)),
      lifeline(std::move(other.lifeline)) {}

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
  const bool commanded = surroundings.command && !surroundings.command->empty();
  if (!surroundings.program && !commanded) check_program();
  std::array<int, 2> pair{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot make the socket to a worker process");
  owned_descriptor ours(pair[0]);
  const owned_descriptor theirs(pair[1]);
  fcntl(ours.value(), F_SETFL, fcntl(ours.value(), F_GETFL) | O_NONBLOCK);
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot make the pipe to a worker process");
  const owned_descriptor held(pipe_ends[0]);
  owned_descriptor lifeline(pipe_ends[1]);
  constexpr int above = worker_lifeline + 1;
  const owned_descriptor socket = copied_above(theirs.value(), above);
  const owned_descriptor shared = copied_above(page, above);
  const owned_descriptor line = copied_above(held.value(), above);

  spawn_settings how;
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGINT);
  how.open(STDIN_FILENO, "/dev/null", O_RDONLY);
  owned_descriptor output;  // above what is overwritten, as the others
  owned_descriptor error;
  if (surroundings.output >= 0) {
    output = copied_above(surroundings.output, above);
    how.duplicate(output.value(), STDOUT_FILENO);
  }
  if (surroundings.error >= 0) {
    error = copied_above(surroundings.error, above);
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
  how.duplicate(line.value(), worker_lifeline);
  how.close_from(above);
  how.reset_signals(blocked);

  const std::string mode = fmt::format("{}{}", worker_argument, getpid());
  std::vector<char*> arguments;
  if (commanded)
    for (const std::string& word : *surroundings.command) arguments.push_back(const_cast<char*>(word.c_str()));
  else
    arguments.push_back(program_name().data());
  arguments.push_back(const_cast<char*>(mode.c_str()));
  arguments.push_back(nullptr);
  spawned_worker child;
  const char* const program = commanded ? arguments.front() : surroundings.program ? surroundings.program : own_file();
  const auto spawn = commanded ? posix_spawnp : posix_spawn;
  if (const int failed = spawn(&child.pid, program, how.files(), how.attributes(), arguments.data(), environment)) {
    child.pid = -1;
    throw std::system_error(failed, std::generic_category(), why_not(surroundings));
  }
  // By number: glibc 2.36 declares pidfd_open() without C linkage.
  child.pidfd = static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0));
  if (child.pidfd < 0 && errno != ENOSYS)
    throw std::system_error(errno, std::generic_category(), "cannot watch a worker process");
  child.socket = ours.release();
  child.lifeline = std::move(lifeline);
  return child;
}

}  // namespace fanout::detail
