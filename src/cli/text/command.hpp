#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <vector>

/// \file
/// The commands of the tool. Each has a file of its own and registers itself: parsing its subcommand sets `chosen` to
/// what runs it, which returns the exit status.
namespace fanout::cli {

enum exit_status : int {
  ok = 0,
  some_failed = 1,         ///< the run went through; some tasks failed
  usage = 2,               ///< wrong options or input, or the environment does not allow what they ask for
  output_failed = 3,       ///< results could not be written
  stopped_resumable = 75,  ///< by SIGTERM; the same command goes on (EX_TEMPFAIL of sysexits.h: try again)
  interrupted = 130,
};

/// `fanout fetch`: the main job. `arguments`: what stands after it on the command line, where it is that command.
void add_fetch(CLI::App& app, std::function<int()>& chosen, std::vector<std::string> arguments);
/// `fanout curl`: the same by curl's command line, which is read as curl reads it. Returns the exit status.
int run_curl(const std::vector<std::string>& arguments);
/// Names it among the commands.
void list_curl(CLI::App& app);
/// `fanout serve`: the embedded origin.
void add_serve(CLI::App& app, std::function<int()>& chosen);

/// `fanout job`: a bulk fetch on many machines.
void add_job(CLI::App& app, std::function<int()>& chosen);

/// `fanout compare`: the built-in workloads under several shapes.
void add_compare(CLI::App& app, std::function<int()>& chosen);
/// `fanout help`, `manual` and `completion`. To be added after the commands they tell of.
void add_help(CLI::App& app, std::function<int()>& chosen);

}  // namespace fanout::cli
