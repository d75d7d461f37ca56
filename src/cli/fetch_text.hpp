#pragma once

#include <fanout/core/options.hpp>
#include <fanout/fetch/job.hpp>

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

/// The progress line on standard error, redrawn in place.
void show_progress(const progress& now, const fetch::counts& counts);
void clear_progress();

}  // namespace fanout::cli
