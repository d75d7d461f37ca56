#pragma once

#include <fanout/base/task.hpp>
#include <fanout/core/detail/control.hpp>
#include <fanout/core/detail/lane_work.hpp>
#include <fanout/core/shape.hpp>

#include "core/probe_rules.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fanout::detail {

/// The lanes of a run, as far as its probe watches and changes them.
class probed_lanes {
 public:
  virtual run_control& control() noexcept = 0;
  virtual lane_work& work() noexcept = 0;
  /// Adds the lanes that `target` has and this run has not.
  virtual void grow(const shape& target) = 0;
  /// Ends all lanes as their tasks finish, leaving the rest of the source to `next`.
  virtual void leave(const shape& next) = 0;
  /// Coroutines: closes slots of the first lane beyond `slots` as their tasks finish, then calls `done`.
  virtual void shrink_first(std::uint32_t slots, std::function<void()> done) = 0;

 protected:
  ~probed_lanes() = default;
};

/// Chooses the shape of an `automatic` run while it is under way. The first tasks run on few lanes; after
/// `probe_period` the CPU time they took says whether they compute or wait, and lanes are added accordingly. Nothing is
/// run twice: the probe's results are the run's.
///
///  - Coroutines start as `async`. If their loop was busy computing most of the time, in this period or the next, that
///    one loop is the bottleneck: every core gets one (`hybrid`). If the loops then are held by tasks that do not
///    compute, those wait for something that one loop has and the others have not: a lock.
///  - Blocking tasks start with one thread a core, which is right for tasks that compute. If the cores were mostly
///    idle, the tasks wait: more threads let more of them wait at once. Unless they wait for each other. To tell, the
///    first lane goes on alone for a moment: a task that computes while it is alone was waiting for the other ones.
///  - Tasks that wait for a lock go on in worker processes, which have one each, if they can travel for less than half
///    of what a task takes.
///
/// Tasks that compute keep a loop from its timers, for seconds where many are ready at once, and a mutex may keep a
/// lane out for as long. So each lane looks when it ends a task, and a task that has not ended counts as well.
///
/// Thread safety: `look`, `saw`, `turned`, `marked` and `measuring` from any lane; the rest on lane 0.
class probe {
 public:
  probe(probed_lanes& lanes, const fanout::shape& asked, bool coroutine);

  fanout::shape first_shape() const;
  void watch(asio::io_context& loop);  ///< coroutines: looks when `probe_period` has passed on that loop
  void unwatch();
  void look(std::uint32_t lane_number);  ///< blocking tasks, after each: looks if `probe_period` has passed
  /// Coroutines, after each task of the lane that is probed: looks if `probe_period` has passed.
  void ended_one(std::chrono::steady_clock::time_point finished);
  /// Coroutines, while `measuring`, after each: `held` if the loop had no turn since it began.
  void saw(std::uint32_t lane_number, std::chrono::nanoseconds elapsed, bool held);
  /// While `measuring`: a lane's task began, and its loop has had a turn since.
  void marked(std::uint32_t lane_number) noexcept;
  void turned(std::uint32_t lane_number) noexcept;
  /// Acquire: a lane that sees it true sees the meters.
  bool measuring() const noexcept { return measuring_.load(std::memory_order_acquire); }
  std::string choice() const { return choice_; }

 private:
  using clock = std::chrono::steady_clock;

  static constexpr std::uint32_t default_in_flight = 64;
  static constexpr std::uint32_t default_threads = 32;

  /// A span of time, and what the process or the calling thread computed in it.
  class meter {
   public:
    explicit meter(clockid_t of);
    std::chrono::nanoseconds wall() const { return since(clock::now()); }
    std::chrono::nanoseconds since(clock::time_point now) const { return now - started_; }
    /// What `lanes` threads had of that time: the load of other programs, which takes cores away, says nothing about
    /// tasks.
    std::chrono::nanoseconds had(std::uint32_t lanes) const;
    /// CPU time of `lanes` threads over what they had: 0 to 1.
    double share(std::uint32_t lanes) const;
    /// How many threads ran or were ready to, on average.
    double wanted_cores() const;
    std::chrono::nanoseconds computed() const;

   private:
    clockid_t clock_;
    clock::time_point started_;
    std::chrono::nanoseconds cpu_;
    std::chrono::nanoseconds without_core_;
  };

  void look_after(std::chrono::nanoseconds time);
  void decide_loops();
  void measure_loops(std::uint32_t loops);
  void look_at_loops();
  loops_seen see_loops() const;  ///< since measuring began; look_at_loops() takes it from looked_from_ on
  std::chrono::nanoseconds held_so_far() const;
  void decide_threads();
  void go_on_alone(std::uint32_t lane_number);
  void decide_alone();
  void add_threads();
  void leave_for_processes(std::string_view seen, std::chrono::nanoseconds task);

  probed_lanes& lanes_;
  std::uint32_t at_most_;
  bool coroutine_;
  std::uint32_t first_lanes_;
  meter first_period_;  ///< of coroutines that waited in it: the second
  bool looked_again_ = false;
  std::optional<asio::steady_timer> timer_;
  std::string seen_;  ///< in the first period
  std::string choice_;

  // Coroutines on several loops.
  std::atomic<bool> measuring_{false};
  std::optional<meter> loops_;
  loops_seen looked_from_;  ///< what had been seen before the present look
  std::uint32_t loop_count_ = 1;
  std::atomic<std::chrono::nanoseconds> next_look_{probe_period};  ///< of the time since then
  std::atomic<std::uint64_t> tasks_{0};
  std::atomic<std::int64_t> held_ns_{0};
  std::vector<std::atomic<std::int64_t>> marked_ns_;  ///< of each lane: since when its loop has had no turn, or 0

  // Blocking tasks.
  enum class stage { first, gathering, alone, done };
  std::atomic<stage> stage_{stage::first};  ///< of coroutines: `first`, then `done`
  std::mutex mutex_;                        ///< guards what follows, the looks at loops, and choice_ while lanes run
  std::condition_variable resumed_;
  std::uint32_t paused_ = 0;
  std::optional<meter> alone_;
  std::uint64_t alone_tasks_ = 0;
  std::chrono::nanoseconds patience_{longest_probe};  ///< of lanes that pause
};

}  // namespace fanout::detail
