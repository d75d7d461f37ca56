#pragma once

#include <fanout/fetch/request_source.hpp>
#include <fanout/fetch/run_log.hpp>
#include <fanout/fetch/run_statistics.hpp>
#include <fanout/fetch/shard.hpp>

#include "cli/fetch/metrics_server.hpp"
#include "cli/fetch/progress_text.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

/// \file
/// Tells people and programs how far a run of `fanout fetch` is.
namespace fanout::cli {

enum class progress_style {
  none,
  plain,  ///< a line now and then
  bar,    ///< one line of a terminal, redrawn in place
};

struct monitor_options {
  progress_style style = progress_style::none;
  std::chrono::milliseconds interval{10'000};  ///< of plain lines
  std::optional<metrics_listener> metrics;     ///< for Prometheus
  std::string log;                             ///< file of the run's log; empty: none
  fetch::run_log::beginning beginning;
  /// A source of all inputs, for counting them beside the run; null: their number is not known.
  std::function<fetch::request_source()> inputs;
  std::optional<fetch::shard> part;  ///< that is counted
  std::uint64_t passed_over = 0;     ///< of the inputs, as repeats
};

/// Looks at the statistics of a run ten times a second, on a thread of its own: the run has nothing to do with a slow
/// terminal, and a run in which nothing ends is shown as well.
///
/// Thread safety: one thread. Destroying it is `end`.
class run_monitor {
 public:
  /// Throws as `run_log`.
  run_monitor(const fetch::run_statistics& statistics, monitor_options how);
  ~run_monitor();

  /// Takes the bar away, and ends the log, which gets the limits that were found.
  void end(const std::vector<fetch::host_limit>& limits = {});
  /// Empty: none.
  std::string metrics_url() const { return server_ ? server_->url() : std::string(); }

 private:
  void look();
  void count_inputs();
  progress_view view();
  void draw();

  const fetch::run_statistics& statistics_;
  monitor_options how_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::atomic<std::int64_t> total_{-1};  ///< -1: not known yet. A number alone: it publishes nothing
  std::atomic<bool> ending_{false};
  std::optional<fetch::run_log> log_;

  /// For the rates of the last seconds. Guarded by `views_`.
  struct sample {
    std::chrono::steady_clock::time_point at;
    std::uint64_t ended = 0;
    std::uint64_t bytes = 0;
  };
  std::mutex views_;
  std::deque<sample> samples_;

  std::string drawn_;
  std::mutex mutex_;
  std::condition_variable wakes_;
  std::unique_ptr<metrics_server> server_;
  std::thread looking_;
  std::thread counting_;
};

}  // namespace fanout::cli
