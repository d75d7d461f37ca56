#pragma once

#include <fanout/core/report.hpp>
#include <fanout/fetch/run_statistics.hpp>

#include <string>

/// \file
/// What a fetch came to.
namespace fanout::fetch {

/// Counts and costs of a fetch as one JSON object, with a line end.
std::string summary_json(const report& cost, const counts& of);
/// The same with statuses, percentiles of latencies, connections that were used again, and the slowest and worst hosts.
std::string summary_json(const report& cost, const counts& of, const run_statistics& statistics);

}  // namespace fanout::fetch
