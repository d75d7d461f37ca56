#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <string>
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

/// A running `program`. The destructor kills it if it still runs.
class child {
 public:
  child(const std::string& program, std::vector<std::string> arguments) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input_.read, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output_.write, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, errors_.write, STDERR_FILENO);
    arguments.insert(arguments.begin(), program);
    std::vector<char*> argv;
    for (std::string& each : arguments) argv.push_back(each.data());
    argv.push_back(nullptr);
    const int failed = ::posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv.data(), environ);
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

  /// One line of its standard output, without the line break.
  std::string read_line() {
    std::string line;
    for (char c = 0; next(output_.read, c) && c != '\n';) line += c;
    return line;
  }
  std::string rest_of_output() { return read_all(output_.read); }
  std::string rest_of_errors() { return read_all(errors_.read); }
  void close_input() { pipe_ends::close(input_.write); }
  pid_t pid() const { return pid_; }
  void signal(int number) { ::kill(pid_, number); }

  /// Its exit status, or minus the signal that ended it.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  /// False at the end, and after a minute of silence.
  static bool next(int from, char& into) {
    pollfd ready{from, POLLIN, 0};
    return ::poll(&ready, 1, 60'000) == 1 && ::read(from, &into, 1) == 1;
  }
  static std::string read_all(int from) {
    std::string all;
    for (char c = 0; next(from, c);) all += c;
    return all;
  }

  pipe_ends input_, output_, errors_;
  pid_t pid_ = -1;
};

}  // namespace fanout::cli::testing
