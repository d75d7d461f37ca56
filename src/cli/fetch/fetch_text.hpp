#pragma once

#include <fanout/core/options.hpp>
#include <fanout/fetch/job.hpp>
#include <fanout/fetch/run_statistics.hpp>

#include <string>

/// \file
/// What `fanout fetch` tells a person at a terminal.
namespace fanout::cli {

/// A line or two.
std::string summary_text(const fetch::job_report& done);

/// One line: how far a run is.
std::string state_text(const progress& now, const fetch::counts& counts);

/// One line: that nothing is left but what waits.
std::string waiting_text(const fetch::waiting_requests& left);

/// Latencies, connections that were used again, hosts with most failures: up to two lines. Nothing of one request.
std::string statistics_text(const fetch::run_statistics& of);

}  // namespace fanout::cli
