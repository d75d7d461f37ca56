#pragma once

#include <fanout/core/control.hpp>
#include <fanout/core/lanes.hpp>
#include <fanout/core/outcome.hpp>
#include <fanout/core/report.hpp>

#include <cstdint>
#include <string>
#include <string_view>

/// \file
/// The seam between a run and whoever carries its tasks to other processes. Not for users: `run` is built from it.
namespace fanout::detail {

/// A run as the carrier of its tasks sees it: inputs and results are bytes.
///
/// Thread safety: one thread at a time.
class remote_job {
 public:
  virtual std::string_view function() const = 0;  ///< name of the remote task
  virtual std::string context() const = 0;        ///< what each process needs once, encoded; often empty

  /// Takes the next input: sets `index` and appends the encoded input to `argument` when it returns `item`.
  virtual pull_status pull_encoded(std::uint64_t& index, std::string& argument) = 0;
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
