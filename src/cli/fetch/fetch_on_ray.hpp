#pragma once

#include "cli/fetch/fetch_options.hpp"

#include <span>
#include <string>
#include <vector>

/// \file
/// `fanout fetch --on ray`: the fetch on all nodes of a Ray cluster. The Python module does it (fanout.ray.fetch).
namespace fanout::cli {

/// Of the arguments of `fanout fetch`, which `command` has accepted, those that the fetch of each shard gets: all but
/// what says where URLs come from, where records go, and how it is shown. Throws `usage_error` for an option that needs
/// the whole job on one machine.
std::vector<std::string> arguments_of_shards(const CLI::App& command, std::span<const std::string> arguments);

/// Becomes the Python program that does it, FANOUT_PYTHON or python3; returns, with an exit status, only where that
/// fails. The rest as above.
int run_on_ray(const fetch_options& given, const CLI::App& command, std::span<const std::string> arguments);

}  // namespace fanout::cli
