#pragma once

#include <fanout/core/control.hpp>
#include <fanout/core/lanes.hpp>
#include <fanout/core/outcome.hpp>
#include <fanout/core/report.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

/// \file
/// The seam between a run and whoever carries its tasks to other processes. Not for users: `run` is built from it.
namespace fanout::detail {

/// A remote function, as every process that calls it is told of it once.
struct remote_callable {
  std::string name;
  std::string context;  ///< what it needs besides its input, encoded; often empty
};

/// What a task needs besides its input.
struct task_terms {
  std::uint32_t function = 0;         ///< number of the job's function; where there is only one, 0
  std::chrono::nanoseconds limit{0};  ///< zero or less for none
  friend bool operator==(const task_terms&, const task_terms&) = default;
};

/// A run as the carrier of its tasks sees it: inputs and results are bytes.
///
/// Thread safety: one thread at a time.
class remote_job {
 public:
  virtual remote_callable function(std::uint32_t number) const = 0;
  /// Whether tasks are coroutines that share a lane's event loop.
  virtual bool needs_loops() const = 0;

  /// Takes the next input: sets `index` and `terms` and appends the encoded input to `argument` when it returns `item`.
  virtual pull_status pull_encoded(std::uint64_t& index, std::string& argument, task_terms& terms) = 0;
  virtual int source_handle() = 0;

  /// Exactly one of these for each index that was pulled.
  virtual void deliver_result(const outcome_facts& facts, std::string_view encoded) = 0;
  virtual void deliver_failure(const outcome_facts& facts, failure reason) = 0;

 protected:
  ~remote_job() = default;
};

/// Runs tasks in worker processes. Room `process` provides one.
class worker_backend {
 public:
  /// Runs `job` to its end on the calling thread; adds what the workers cost to `cost`.
  virtual void run(run_control& control, remote_job& job, const fanout::shape& ran, report& cost) = 0;

 protected:
  ~worker_backend() = default;
};

/// Thread safety: any thread. `fanout::init` installs the backend.
void install_worker_backend(worker_backend& backend) noexcept;
/// Throws `std::logic_error` that names `fanout::init` when none is installed.
worker_backend& installed_worker_backend();

}  // namespace fanout::detail
