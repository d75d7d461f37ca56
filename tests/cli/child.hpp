#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

/// \file
/// The tool as a child process of a test.
namespace fanout::cli::testing {

/// Both ends of a pipe.
struct pipe_ends {
  pipe_ends() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    read = ends[0];
    write = ends[1];
  }
  pipe_ends(const pipe_ends&) = delete;
  pipe_ends& operator=(const pipe_ends&) = delete;
  ~pipe_ends() {
    close(read);
    close(write);
  }
  static void close(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
  int read;
  int write;
};

/// Where a standard descriptor leads other than to the test: a path to open, or "closed".
struct redirections {
  std::string input = {};
  std::string output = {};
  std::string errors = {};
  bool non_blocking_output = false;  ///< of the pipe to the test, as another program that has it open might set it
};

/// A running `program`. The destructor kills it if it still runs.
class child {
 public:
  child(const std::string& program, std::vector<std::string> arguments, const redirections& to = {}) {
    if (to.non_blocking_output) ::fcntl(output_.write, F_SETFL, O_NONBLOCK);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    connect(actions, STDIN_FILENO, input_.read, to.input, O_RDONLY);
    connect(actions, STDOUT_FILENO, output_.write, to.output, O_WRONLY);
    connect(actions, STDERR_FILENO, errors_.write, to.errors, O_WRONLY);
    arguments.insert(arguments.begin(), program);
    std::vector<char*> argv;
    for (std::string& each : arguments) argv.push_back(each.data());
    argv.push_back(nullptr);
    ::signal(SIGPIPE, SIG_IGN);  // a child that ends early fails a write of the test, and does not end the test
    // The child ignores nothing, as if started from a shell.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t all;
    sigfillset(&all);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    const int failed = ::posix_spawn(&pid_, program.c_str(), &actions, &attributes, argv.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) throw std::runtime_error("cannot start " + program);
    pipe_ends::close(input_.read);
    pipe_ends::close(output_.write);
    pipe_ends::close(errors_.write);
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  pid_t pid() const noexcept { return pid_; }

  /// One line, without the line break.
  std::string read_line() { return line_of(output_.read, output_ahead_); }
  std::string read_error_line() { return line_of(errors_.read, errors_ahead_); }
  std::string rest_of_output() { return rest_of(output_.read, output_ahead_); }
  std::string rest_of_errors() { return rest_of(errors_.read, errors_ahead_); }
  void write_input(std::string_view text) {
    while (!text.empty()) {
      const auto written = ::write(input_.write, text.data(), text.size());
      if (written <= 0) throw std::runtime_error("the child does not read its input");
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void close_input() { pipe_ends::close(input_.write); }

  void wait_until_output_is_full() {
    const int room = ::fcntl(output_.read, F_GETPIPE_SZ);
    for (int waiting = 0; waiting < room; std::this_thread::yield()) ::ioctl(output_.read, FIONREAD, &waiting);
  }
  /// From here on nobody reads its standard output.
  void close_output() { pipe_ends::close(output_.read); }
  void signal(int number) { ::kill(pid_, number); }

  /// Its exit status, or minus the signal that ended it.
  int wait() {
    int status = 0;
    ::wait4(std::exchange(pid_, -1), &status, 0, &used_);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  /// The most memory it had, once it was waited for. At least what this process had when it was started.
  std::uint64_t peak_bytes() const noexcept { return static_cast<std::uint64_t>(used_.ru_maxrss) * 1024; }

 private:
  static void connect(posix_spawn_file_actions_t& actions, int to, int end, const std::string& path, int mode) {
    if (path.empty())
      posix_spawn_file_actions_adddup2(&actions, end, to);
    else if (path == "closed")
      posix_spawn_file_actions_addclose(&actions, to);
    else
      posix_spawn_file_actions_addopen(&actions, to, path.c_str(), mode, 0);
  }

  static std::string line_of(int from, std::string& ahead) {
    while (ahead.find('\n') == ahead.npos)
      if (!read_more(from, ahead)) return std::exchange(ahead, {});
    const auto end = ahead.find('\n');
    std::string line = ahead.substr(0, end);
    ahead.erase(0, end + 1);
    return line;
  }
  static std::string rest_of(int from, std::string& ahead) {
    while (read_more(from, ahead)) continue;
    return std::exchange(ahead, {});
  }

  /// False at the end, and after a minute of silence.
  static bool read_more(int from, std::string& into) {
    std::array<char, 4096> piece;
    pollfd ready{from, POLLIN, 0};
    if (::poll(&ready, 1, 60'000) != 1) return false;
    const auto got = ::read(from, piece.data(), piece.size());
    if (got > 0) into.append(piece.data(), static_cast<std::size_t>(got));
    return got > 0;
  }

  pipe_ends input_, output_, errors_;
  std::string output_ahead_, errors_ahead_;
  pid_t pid_ = -1;
  rusage used_{};
};

}  // namespace fanout::cli::testing
