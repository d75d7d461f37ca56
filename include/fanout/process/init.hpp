#pragma once

#include <optional>
#include <string_view>

/// \file
/// Where worker processes branch off.
namespace fanout {

/// Call it first in `main` of every program that uses shapes with worker processes. Workers are this program, started
/// again with an argument of fanout's own: in a worker, `init` runs tasks until the parent is done and then ends the
/// process, so that the rest of `main` never runs; otherwise it returns at once. What stands before it in `main`, and
/// the initializers of global variables, run in every worker too.
void init(int argc, char** argv);

/// \name Where workers are no plain programs
/// For modules of an interpreter and the like, whose workers are started by `worker_options::command`.
/// @{

/// Is the worker where `argument` is what makes a process one, the last that it was started with: runs tasks until the
/// parent is done, and returns the exit status, which the process should then end with soon. Empty at once for any
/// other argument. In a worker SIGINT is ignored, and the process is killed when its parent ends.
std::optional<int> serve_worker(std::string_view argument);

/// Processes that work together are of one build, which is told by the build id of the main program. In an interpreter
/// that says nothing: from now on it is that of the loaded object, such as a module, that has `address`. Call it first,
/// in workers and nodes as well. Throws `std::invalid_argument` where no object has it, or where the linker left no
/// build id.
void identify_build_by(const void* address);
/// @}

}  // namespace fanout
