#pragma once

#include <fanout/fetch/heavy_hitters.hpp>
#include <fanout/fetch/latency_histogram.hpp>
#include <fanout/fetch/record.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

/// \file
/// What a job has done so far, for whoever looks on.
namespace fanout::fetch {

/// What became of the URLs of one fetch.
struct counts {
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t skipped = 0;  ///< as their files were there; among those that succeeded
  std::uint64_t bytes = 0;
  std::map<failure_kind, std::uint64_t> by_kind;

  void add(const record& result);
  /// How many failed so.
  std::uint64_t of(failure_kind kind) const {
    const auto found = by_kind.find(kind);
    return found == by_kind.end() ? 0 : found->second;
  }
};

/// Of a host.
struct host_figures {
  std::string host;
  std::uint64_t requests = 0;
  std::uint64_t failed = 0;
  std::chrono::microseconds mean{0};  ///< of a request
};

/// A moment of a job.
struct job_figures {
  fetch::counts counts;
  std::uint64_t begun = 0;                          ///< requests that were taken from the source
  std::uint64_t ended = 0;                          ///< those of them that have a record
  std::uint64_t reused = 0;                         ///< whose connection had served another one before
  std::map<std::int32_t, std::uint64_t> by_status;  ///< 0: there was no response
  latency_histogram latency;                        ///< from its start to its end, of all that ended

  std::uint64_t in_flight() const noexcept { return begun > ended ? begun - ended : 0; }
};

/// Counts requests of a job as they begin and end: by status and kind of failure, their latencies, and which hosts took
/// most time and failed most often. Its memory does not grow with the job: it knows the hosts that count most.
///
/// ```cpp
/// fetch::run_statistics so_far;
/// job.statistics = &so_far;
/// std::jthread looks_on([&](std::stop_token) { show(so_far.figures()); });
/// ```
///
/// Thread safety: any thread.
class run_statistics {
 public:
  /// Hosts that are told apart, of either kind.
  static constexpr std::size_t hosts = 512;

  void began() noexcept { begun_.fetch_add(1, std::memory_order_relaxed); }  // counts alone: it publishes nothing
  void ended(const request& asked, const record& result);
  /// It ended without a record, and begins another time.
  void begins_again() noexcept { begun_.fetch_sub(1, std::memory_order_relaxed); }

  job_figures figures() const;
  /// Of the hosts that took most time in total, those with the slowest requests, the slowest first.
  std::vector<host_figures> slowest_hosts(std::size_t most) const;
  /// Those with most failures, the worst first; none without one.
  std::vector<host_figures> worst_hosts(std::size_t most) const;

 private:
  std::atomic<std::uint64_t> begun_{0};
  mutable std::mutex mutex_;  ///< guards what follows
  job_figures so_far_;
  std::array<std::uint64_t, 600> by_status_{};
  heavy_hitters by_time_{hosts};
  heavy_hitters by_failures_{hosts};
};

}  // namespace fanout::fetch
