#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/fetch/adaptive_limit.hpp>
#include <fanout/fetch/run_statistics.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// \file
/// How a job went, second by second, in a file beside its records.
namespace fanout::fetch {

/// A moment of a run.
struct logged_moment {
  double seconds = 0;      ///< since the run began
  std::uint64_t done = 0;  ///< by this run, failures included
  std::uint64_t failed = 0;
  std::uint64_t bytes = 0;
  std::uint64_t in_flight = 0;
  std::optional<std::uint64_t> total = {};             ///< inputs of the whole job, once they are counted
  std::map<std::string, std::uint64_t> failures = {};  ///< by kind
  double p50_ms = 0;
  double p99_ms = 0;
};

/// One run of a job that may have had several.
struct logged_run {
  std::string started;  ///< "2026-11-30T12:00:00Z"
  std::string shape;
  std::uint64_t done_before = 0;
  std::vector<logged_moment> moments = {};
  bool ended = false;                   ///< by itself: what was killed says nothing
  std::vector<host_limit> limits = {};  ///< that it had found in the end
};

/// Appends a run to a log: JSON Lines, a line for its beginning, then one a second; after ten minutes they come so
/// rarely that a run of a week has some 4,000. A full disk does not end the job: what cannot be written is left out.
///
/// Thread safety: one thread at a time.
class run_log {
 public:
  struct beginning {
    std::string shape;
    std::uint64_t done_before = 0;
    bool anew = false;  ///< what other runs have left is removed
  };

  /// Throws `output_error` where the file cannot be opened.
  run_log(const std::string& path, const beginning& of);

  /// Whether a line is due.
  bool due(std::chrono::nanoseconds elapsed) const noexcept { return elapsed >= next_; }
  void add(std::chrono::nanoseconds elapsed, const job_figures& now, std::optional<std::uint64_t> total);
  /// The last line, with the limits of hosts that were found.
  void end(std::chrono::nanoseconds elapsed, const job_figures& now, std::optional<std::uint64_t> total,
           const std::vector<host_limit>& limits = {});

 private:
  void write(std::chrono::nanoseconds elapsed, const job_figures& now, std::optional<std::uint64_t> total,
             const std::vector<host_limit>* limits);

  fanout::detail::owned_descriptor file_;
  std::chrono::nanoseconds next_{0};
};

/// Of a job that writes to `path`.
inline std::string run_log_path(const std::string& path) {
  return path + ".log";
}

/// All runs, oldest first; none where there is no file. Lines that are not whole are passed over.
std::vector<logged_run> read_run_log(const std::string& path);

}  // namespace fanout::fetch
