#include "cli/compare/origin_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace fanout::cli {
namespace {

constexpr std::string_view greeting = "listening on ";
constexpr int start_patience_ms = 30'000;
constexpr int end_patience_ms = 5'000;

void check(int failed) {
  if (failed != 0) throw std::system_error(failed, std::generic_category(), "cannot start the origin");
}

void close_end(int& descriptor) noexcept {
  if (descriptor >= 0) ::close(std::exchange(descriptor, -1));
}

struct pipe_ends {
  pipe_ends() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) check(errno);
    read = ends[0];
    write = ends[1];
  }
  pipe_ends(const pipe_ends&) = delete;
  pipe_ends& operator=(const pipe_ends&) = delete;
  ~pipe_ends() {
    close_end(read);
    close_end(write);
  }
  int read = -1;
  int write = -1;
};

struct spawn_settings {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  spawn_settings() {
    check(::posix_spawn_file_actions_init(&files));
    const int failed = ::posix_spawnattr_init(&attributes);
    if (failed != 0) ::posix_spawn_file_actions_destroy(&files);
    check(failed);
  }
  spawn_settings(const spawn_settings&) = delete;
  spawn_settings& operator=(const spawn_settings&) = delete;
  ~spawn_settings() {
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
  }
};

bool readable_within(int descriptor, int milliseconds) {
  pollfd waited{descriptor, POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&waited, 1, milliseconds);
  } while (ready < 0 && errno == EINTR);
  return ready == 1;
}

}  // namespace

origin_process::origin_process() {
  pipe_ends input;
  pipe_ends output;
  start(input.read, output.write);
  input_ = std::exchange(input.write, -1);
  output_ = std::exchange(output.read, -1);
  close_end(output.write);  // or its end would not be seen
  const std::string line = read_line();
  if (!line.starts_with(greeting)) {
    end();
    throw std::runtime_error("the origin did not start");
  }
  base_ = line.substr(greeting.size());
}

origin_process::~origin_process() {
  end();
}

void origin_process::start(int input, int output) {
  spawn_settings how;
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  check(::posix_spawn_file_actions_adddup2(&how.files, input, STDIN_FILENO));
  check(::posix_spawn_file_actions_adddup2(&how.files, output, STDOUT_FILENO));
  check(::posix_spawnattr_setsigmask(&how.attributes, &none));
  check(::posix_spawnattr_setsigdefault(&how.attributes, &all));
  check(::posix_spawnattr_setpgroup(&how.attributes, 0));
  check(::posix_spawnattr_setflags(&how.attributes,
                                   POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP));
  std::array<std::string, 5> words{"fanout", "serve", "--port", "0", "--until-eof"};
  std::array<char*, words.size() + 1> arguments{};
  for (std::size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();
  check(::posix_spawn(&pid_, "/proc/self/exe", &how.files, &how.attributes, arguments.data(), environ));
}

std::string origin_process::read_line() const {
  std::string line;
  char c = 0;
  while (readable_within(output_, start_patience_ms)) {
    const auto got = ::read(output_, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got != 1 || c == '\n') break;
    line += c;
  }
  return line;
}

void origin_process::end() noexcept {
  if (pid_ <= 0) return;
  close_end(input_);
  close_end(output_);
  const int watched = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  if (watched >= 0 && !readable_within(watched, end_patience_ms)) ::kill(pid_, SIGKILL);
  if (watched >= 0) ::close(watched);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
  pid_ = -1;
}

}  // namespace fanout::cli
