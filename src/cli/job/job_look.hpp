#pragma once

#include <fanout/fetch/job_files.hpp>
#include <fanout/fetch/run_log.hpp>

#include <string>
#include <vector>

/// \file
/// What `fanout job show` and its like say of a job on disk.
namespace fanout::cli {

/// A job as its files have it.
struct job_look {
  fetch::job_files files;
  std::vector<std::vector<fetch::logged_run>> runs;  ///< of each part
  fetch::job_check found;                            ///< of its records

  std::uint64_t done() const;    ///< as journals have it; without one, as records are there
  std::uint64_t failed() const;  ///< of them
};

/// `how` as for `fetch::check_job`.
job_look look_at_job(const std::string& destination, fetch::check_options how);

/// For a person: state, how many are done and failed, kinds and hosts of failures, rate and time left.
std::string job_text(const job_look& job);
/// The same as one JSON object, with a line end.
std::string job_json(const job_look& job);
/// What the page of `fanout job report` is made from: the same, and every moment of every run.
std::string job_history_json(const job_look& job);

}  // namespace fanout::cli
