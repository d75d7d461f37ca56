#pragma once

#include <fanout/async/async_generator.hpp>
#include <fanout/base/saturated_time.hpp>
#include <fanout/base/task.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

/// \file
/// Other programs, run from coroutines.
///
///     auto running = fanout::run_program({.arguments = {"git", "log", "--oneline"}, .timeout = 5s});
///     const fanout::program_result got = co_await std::move(running);
///     if (got.ok()) use(got.output);
///
/// Structured: the program ends before the await does, and so does all that it started and that is still in its process
/// group. Cancelling whoever awaits kills the whole group and awaits its end; so does the destruction of the loop. The
/// program is started by posix_spawn, never by `fork`, with no signal blocked or ignored and no descriptor but its
/// standard three. Works on any executor, and starts no thread.
namespace fanout {

/// What to run, and how.
struct program {
  std::vector<std::string> arguments;  ///< the first is the program, looked up in PATH unless it has a slash
  std::optional<std::vector<std::string>> environment = std::nullopt;  ///< "NAME=value" each; else that of this process
  std::string directory = {};  ///< where it runs; empty for where this process is
  std::string input = {};      ///< its standard input, as a file: it may be read again, and has an end
  any_duration<std::chrono::nanoseconds> timeout{0};      ///< then its group is killed; zero or less for no limit
  std::size_t most_output_bytes = std::size_t{64} << 20;  ///< of each stream; beyond, it is killed: `too_large`
};

/// What became of a program.
struct program_result {
  int exit_status = 0;     ///< 0 to 255; 0 where a signal ended it
  int signal = 0;          ///< that ended it; 0 if it exited
  bool timed_out = false;  ///< it was killed at `program::timeout`
  std::string output;      ///< what it wrote to stdout, as far as it got
  std::string errors;      ///< the same of stderr
  /// CPU time of the program and of the children that it waited for; 0 where its status was not known.
  std::chrono::nanoseconds cpu_user{};
  std::chrono::nanoseconds cpu_system{};

  bool ok() const noexcept { return exit_status == 0 && signal == 0; }
};

/// Runs a program to its end and returns what it wrote. A status other than 0, a signal and the time limit are results,
/// not exceptions. Throws `std::system_error` when it cannot be started, or its status was taken by something else in
/// this process (which ignores SIGCHLD, or waits for any child); `std::invalid_argument` without arguments or for one
/// with a NUL, and `fanout::error` of kind `too_large`.
task<program_result> run_program(program what);

/// The lines a program writes to stdout, as it writes them, without their ends; a last one may lack its own. Its stderr
/// is this process's. After the last line the generator throws `fanout::error`: `task_failed` if the status is not 0 or
/// a signal ended it, `timeout` at the time limit, `too_large` for a line beyond `most_output_bytes`. Destroying the
/// generator kills the program. Throws as `run_program` does besides.
async_generator<std::string> program_lines(program what);

}  // namespace fanout
