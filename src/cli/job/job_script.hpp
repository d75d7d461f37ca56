#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// \file
/// What starts the shards of a job on many machines: texts for Slurm and Kubernetes. Each task is a `fanout job shard`.
namespace fanout::cli {

/// What both need.
struct script_options {
  std::string name = "fanout";
  std::string program = "fanout";  ///< as it is called on the machines
  std::string directory;           ///< that all machines see
  std::string suffix = ".jsonl";
  std::uint64_t shards = 1;
  std::uint64_t at_once = 0;  ///< tasks that run at the same time, at most; 0 for any number
  std::uint64_t cores = 1;    ///< of a task
  std::string memory;         ///< of a task, as the system writes it; empty: its default
  std::vector<std::string> fetch_arguments;
};

struct slurm_options {
  std::uint64_t array_limit = 1000;  ///< tasks of an array
  std::uint64_t warning = 120;       ///< seconds between SIGTERM and the end of a task's time
  std::uint64_t rounds = 3;          ///< how often what is missing is submitted
  std::string time;
  std::string partition;
};

struct kubernetes_options {
  std::string image = "fanout";
  std::string claim;           ///< the PersistentVolumeClaim that holds the directory
  std::uint64_t retries = 5;   ///< of an index
  std::uint64_t warning = 60;  ///< seconds between SIGTERM and SIGKILL
};

/// A script for bash. Run as it is, it submits itself: arrays of the shards that are missing, and a job that follows
/// them and does the same, until all are there, or `rounds` are over; then it joins them.
///
/// Throws `std::invalid_argument` for texts that cannot stand in a script.
std::string slurm_script(const script_options& of, const slurm_options& how);

/// A manifest of an Indexed Job (batch/v1), as YAML. An index that ends with 75 runs again and that does not count; one
/// that ends with 2 (wrong options) ends the job; others are tried `retries` times more.
///
/// Throws `std::invalid_argument` for a name that Kubernetes does not accept.
std::string kubernetes_manifest(const script_options& of, const kubernetes_options& how);

}  // namespace fanout::cli
