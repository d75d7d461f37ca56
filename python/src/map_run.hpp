#pragma once

#include <fanout/core/options.hpp>
#include <fanout/core/outcome.hpp>
#include <fanout/core/report.hpp>

#include "chunk_feed.hpp"
#include "gil.hpp"
#include "window.hpp"
#include "worker_call.hpp"

#include <nanobind/nanobind.h>

#include <chrono>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

/// \file
/// Values of a Python function in worker processes where nobody asks for outcomes: `fanout.map` and `ProcessPool.map`.
namespace fanout::python {

/// The run is the engine's, on a thread that never takes the interpreter's lock; its tasks are chunks of inputs.
///
/// Thread safety: one thread at a time, with the interpreter's lock. Those that wait give it back.
class map_run {
 public:
  /// `how` has the shape and the workers, or the pool. `most_together`: inputs of a task.
  map_run(nb::bytes function, nb::object inputs, call_form form, options how, std::uint32_t places,
          std::uint32_t most_together);
  map_run(const map_run&) = delete;
  map_run& operator=(const map_run&) = delete;
  ~map_run();

  /// Values of all inputs, by index, into `into`; throws the first error, and what the inputs or a signal handler
  /// raised.
  void collect(nb::list into);

  /// Calls `told`, which must not ask for the interpreter's lock, when nothing is under way any more. Before it starts.
  void when_over(std::function<void()> told) { shared_->told = std::move(told); }
  /// Hands all inputs over; a run of a pool's calls this at once.
  void give_all();
  /// The next values in the order of the inputs, at least one; an empty list where all were taken, none where there is
  /// none within `limit` seconds (negative: no limit). Throws the error whose turn it is.
  std::optional<nb::list> take(double limit);

  void drop();                               ///< what no worker has is not run; returns at once
  bool over() const;                         ///< nothing is under way
  bool dropped() const { return dropped_; }  ///< some inputs were
  void close();                              ///< stops what is under way, and returns when that has ended
  const std::optional<report>& cost() const { return cost_; }

  /// For the collector of cycles: the inputs may refer to the run.
  static int traverse(PyObject* self, visitproc visit, void* arg);
  static int clear(PyObject* self);

 private:
  struct exchange {
    exchange(std::uint32_t places, std::uint32_t most) : inputs(places, most) {}
    chunk_feed inputs;
    std::mutex mutex;  ///< guards the rest
    std::vector<std::pair<chunk_feed::span, outcome<std::string>>> arrived;
    bool over = false;
    std::exception_ptr failed;
    report cost;
    change_signal changed;
    std::function<void()> told;
  };

  void start();
  /// Pulls and encodes what there is room for. Of each input `into`, where there is one, gets a place.
  void fill(nb::list* into, bool limited);
  bool take_arrived(std::vector<std::pair<chunk_feed::span, outcome<std::string>>>& batch);
  void join();
  void rethrow_failure();
  void require_own_process() const;

  const std::string function_;
  nb::object inputs_;
  const call_form form_;
  options how_;
  std::stop_source stop_;
  const std::shared_ptr<exchange> shared_;
  window window_;
  std::uint64_t given_ = 0;
  std::uint64_t taken_ = 0;
  bool ended_ = false;
  bool over_ = false;
  bool dropped_ = false;
  bool steady_source_ = false;                             ///< to pull from it takes no time
  std::map<std::uint64_t, outcome<std::string>> waiting_;  ///< for their turn, by the first input
  nb::object error_;                                       ///< whose turn it is
  std::optional<report> cost_;
  const std::uint64_t generation_;
  std::thread thread_;
};

void bind_map_run(nb::module_& module);

}  // namespace fanout::python
