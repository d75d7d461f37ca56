#pragma once

#include <fanout/base/detail/task_declaration.hpp>
#include <fanout/core/detail/usage.hpp>

#include <chrono>
#include <cstdint>

/// \file
/// What lanes run. Not for users: `run` is built from it.
namespace fanout::detail {

class slot;

/// What came of asking for an input.
enum class pull_status { item, end, not_ready };

/// What it takes a task to run in another process, as the first tasks of an `automatic` run showed.
struct serialization_cost {
  bool possible = false;
  std::chrono::nanoseconds each{0};  ///< to encode input and result of one task
  std::uint64_t bytes = 0;           ///< of both
};

/// The work of a run as its lanes see it: the templates of `run` behind a handful of calls.
class lane_work {
 public:
  /// Runs one blocking task to its end.
  virtual pull_status run_one(std::uint32_t lane_number, cpu_stopwatch& cpu) = 0;
  /// Runs coroutine tasks one after another until there are no more. Throws `std::logic_error` where tasks are
  /// blocking.
  virtual task<void> run_slot(slot& place);
  /// The descriptor to wait for after `not_ready`.
  virtual int source_handle() = 0;
  /// Whether its tasks could go on in worker processes, and at what price.
  virtual serialization_cost cost_of_serialization() { return {}; }

 protected:
  ~lane_work() = default;
};

}  // namespace fanout::detail
