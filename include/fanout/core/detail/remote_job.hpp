#pragma once

#include <fanout/core/detail/control.hpp>
#include <fanout/core/detail/encoded_values.hpp>
#include <fanout/core/detail/lanes.hpp>
#include <fanout/core/outcome.hpp>
#include <fanout/core/report.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
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

/// What a lane returned for tasks that it ran one after the other, each starting as the one before it ended. Refers to
/// bytes of somebody else's.
class result_batch {
 public:
  /// `ends` has the end of each task as nanoseconds from the start of the first, unaligned, unless there is only one.
  result_batch(const outcome_facts& first, std::string_view ends, const encoded_view& values)
      : facts_(first), ends_(ends), values_(values), count_(values.count()) {}

  std::uint32_t count() const noexcept { return count_; }
  std::uint64_t first_index() const noexcept { return facts_.index; }
  /// The encoded result of the first, second and so on.
  std::string_view value(std::uint32_t position) const noexcept { return values_[from_ + position]; }
  /// All of them back to back, where each has `size` bytes; else null.
  const char* values_of_size(std::size_t size) const noexcept {
    return values_.each() == size ? values_.all().data() + from_ * size : nullptr;
  }
  outcome_facts facts(std::uint32_t position) const noexcept {
    outcome_facts own = facts_;
    own.index += position;
    if (ends_.empty()) return own;
    if (from_ + position > 0) own.started = facts_.started + end_of(from_ + position - 1);
    own.finished = facts_.started + end_of(from_ + position);
    return own;
  }
  /// From the start of the first to the end of the last.
  std::chrono::nanoseconds elapsed() const noexcept { return facts(count_ - 1).finished - facts(0).started; }

  /// The `count` tasks from position `from` on, the first of which has the index `index`.
  result_batch part(std::uint32_t from, std::uint32_t count, std::uint64_t index) const noexcept {
    result_batch some = *this;
    some.from_ += from;
    some.count_ = count;
    some.facts_.index = index;
    return some;
  }

  /// Copies what it refers to, in front of which nothing may be: with what this returns they make the same run again.
  outcome_facts copy_to(std::string& ends, encoded_values& values) const;

 private:
  std::chrono::nanoseconds end_of(std::uint32_t place) const noexcept {
    std::uint32_t ns;
    std::memcpy(&ns, ends_.data() + std::size_t{place} * sizeof ns, sizeof ns);
    return std::chrono::nanoseconds(ns);
  }

  outcome_facts facts_;  ///< its index is that of the first of these, its times are those of the first in `values_`
  std::string_view ends_;
  encoded_view values_;
  std::uint32_t from_ = 0;
  std::uint32_t count_ = 0;
};

/// A run as the carrier of its tasks sees it: inputs and results are bytes.
///
/// Thread safety: one thread at a time.
class remote_job {
 public:
  virtual remote_callable function(std::uint32_t number) const = 0;
  /// Whether tasks are coroutines that share a lane's event loop.
  virtual bool needs_loops() const = 0;

  /// Takes the next inputs, at most `most`, and no more once they have `most_bytes`: appends them, encoded, to
  /// `inputs`, sets the index of the first, which the others follow, and the terms they have in common. `item` if it
  /// took any.
  virtual pull_status pull_encoded(std::uint64_t& index, encoded_values& inputs, task_terms& terms, std::uint32_t most,
                                   std::size_t most_bytes) = 0;
  virtual int source_handle() = 0;

  /// Exactly one of these for each index that was pulled.
  virtual void deliver_results(const result_batch& run) = 0;
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
bool worker_backend_installed() noexcept;
/// Throws `std::logic_error` that names `fanout::init` when none is installed.
worker_backend& installed_worker_backend();

}  // namespace fanout::detail
