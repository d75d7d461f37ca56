#pragma once

#include <optional>
#include <string_view>

namespace fanout::detail {

/// The parent's process id if this process was started as a worker, by the arguments `main` was given or, where those
/// are not all or not the process's own, by the ones that the system has.
std::optional<int> started_as_worker(int argc, char** argv);

/// The same, of that argument alone.
std::optional<int> parent_in(std::string_view argument);

/// Runs tasks until the parent has no more. Returns the exit status of the process.
int run_worker(int parent_pid);

}  // namespace fanout::detail
