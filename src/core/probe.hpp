#pragma once

#include <fanout/base/task.hpp>
#include <fanout/core/shape.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>

namespace fanout::detail {

class lane;
class lane_set;

/// Chooses the shape of an `automatic` run while it is under way. The first tasks run on few lanes; after `period` the
/// CPU time they took says whether they compute or wait, and lanes are added accordingly. Nothing is run twice and
/// nothing is paused: the probe's results are the run's.
///
///  - Coroutines start as `async`. If their loop was busy computing most of the time, one loop is the bottleneck:
///    every core gets one (`hybrid`).
///  - Blocking tasks start with one thread a core, which is right for tasks that compute. If the cores were mostly
///    idle, the tasks wait: more threads let more of them wait at once.
///
/// Thread safety: `look` from any lane; the rest on lane 0.
class probe {
 public:
  probe(lane_set& lanes, const fanout::shape& asked, bool coroutine);

  fanout::shape first_shape() const;
  void watch(lane& first, asio::io_context& loop);  ///< coroutines: looks when `period` has passed on that loop
  void unwatch();
  void look();  ///< blocking tasks: looks if `period` has passed
  std::string choice() const { return choice_; }

 private:
  static constexpr std::chrono::milliseconds period{200};
  static constexpr double busy = 0.7;  ///< share of the CPU above which a loop counts as the bottleneck
  static constexpr std::uint32_t default_in_flight = 64;
  static constexpr std::uint32_t default_threads = 32;

  void decide();
  std::chrono::nanoseconds cpu_used() const;
  double cpu_share() const;  ///< CPU time since the start, over wall time and lanes

  lane_set& lanes_;
  std::uint32_t at_most_;
  bool coroutine_;
  std::uint32_t first_lanes_;
  lane* first_ = nullptr;  ///< coroutines: the lane that is probed
  std::chrono::steady_clock::time_point started_;
  std::chrono::nanoseconds cpu_started_;
  std::optional<asio::steady_timer> timer_;
  std::once_flag decided_;
  std::atomic<bool> done_{false};
  std::string choice_;
};

}  // namespace fanout::detail
