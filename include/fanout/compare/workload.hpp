#pragma once

#include <fanout/core/run.hpp>
#include <fanout/fetch/exchange.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

/// \file
/// Work that is to be run under several shapes, with a check that each of them did all of it.
namespace fanout {

/// How long tasks took, from start to finish. To within 3 %, but for the greatest, which is exact.
struct latency_percentiles {
  std::chrono::nanoseconds p50{};
  std::chrono::nanoseconds p90{};
  std::chrono::nanoseconds p99{};
  std::chrono::nanoseconds most{};
};

/// What one run of a workload came to.
struct workload_run {
  report cost;                                  ///< its failures include the tasks whose result was not accepted
  std::chrono::steady_clock::time_point begun;  ///< when the run was
  std::chrono::nanoseconds startup{};           ///< from then to the start of the first task; zero if none was
  latency_percentiles latency;                  ///< of the tasks that succeeded; zeros if none did
  std::uint64_t checksum = 0;                   ///< of all results, in whatever order they came
  std::string failure;                          ///< of the failed task with the lowest index; empty if none failed
  std::chrono::nanoseconds quickest{};          ///< the quickest task that succeeded; zero if none did
  std::vector<std::chrono::nanoseconds> taken;  ///< by each task, in the order of the inputs; zero where it failed
  /// CPU time of each task; negative where it failed, or tasks shared a thread and it cannot be told apart.
  std::vector<std::chrono::nanoseconds> computed;
  /// How long the programs that the tasks started were ready to run and had no core, in a run under `sync`; 0 where
  /// that is not known.
  std::chrono::nanoseconds without_core{};
};

/// A number of equal tasks. A plain value; make one with `make_workload`, or take one of workloads.hpp.
struct workload {
  std::string name;         ///< one word, as on the command line: "io"
  std::string description;  ///< what is done, for a heading: "5 fetches of http://..."
  std::uint64_t tasks = 0;
  std::vector<fetch::request> requests;  ///< urls: what the tasks fetch, for who fetches it by other means

  /// Runs the first `count` tasks with `fanout::run`, and throws as it does. Every shape runs the same task.
  std::function<workload_run(const options& how, std::uint64_t count)> run;
};

namespace detail {

/// Counts durations in buckets whose width grows with them, 32 to a power of two, in constant memory (the layout of
/// HdrHistogram).
class latency_histogram {
 public:
  void add(std::chrono::nanoseconds taken) noexcept;
  latency_percentiles percentiles() const noexcept;

 private:
  static constexpr unsigned sub_bits = 5;
  static std::size_t bucket_of(std::uint64_t value) noexcept;
  static std::uint64_t top_of(std::size_t bucket) noexcept;
  std::chrono::nanoseconds at(std::uint64_t rank) const noexcept;

  std::array<std::uint64_t, (65 - sub_bits) << sub_bits> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t most_ = 0;
};

/// Gathers the outcomes of one run, which begins when this is made.
class workload_sink {
 public:
  void accept(const outcome_facts& facts, std::uint64_t digest);
  void refuse(const outcome_facts& facts, failure why);
  workload_run finish(report cost) &&;

 private:
  void look_at(const outcome_facts& facts) noexcept;

  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::optional<std::chrono::steady_clock::time_point> first_start_;
  latency_histogram latencies_;
  workload_run so_far_;
  std::uint64_t failures_ = 0;
  std::uint64_t failed_index_ = 0;
};

}  // namespace detail

/// The workload that applies `function` (a task, as `run` takes it) to each of `inputs`, which should take equally
/// long. `digest` turns a result into a number: `std::uint64_t digest(const R&)`, equal for equal work; it throws where
/// the result means that the task failed.
template <class Task, class Input, class Digest>
workload make_workload(std::string name, std::string description, Task function, std::vector<Input> inputs,
                       Digest digest) {
  workload made;
  made.name = std::move(name);
  made.description = std::move(description);
  made.tasks = inputs.size();
  const auto shared = std::make_shared<const std::vector<Input>>(std::move(inputs));
  made.run = [function, shared, digest](const options& how, std::uint64_t count) {
    using result = task_result_t<const Task, Input>;
    detail::workload_sink sink;
    options all = how;
    all.on_error = on_error::collect;
    const auto number = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(count, shared->size()));
    report cost = fanout::run(all, function, std::views::take(*shared, number), [&](outcome<result> out) {
      if (!out.ok()) return sink.refuse(out, out.error());
      try {
        sink.accept(out, digest(out.value()));
      } catch (...) {
        sink.refuse(out, current_failure());
      }
    });
    return std::move(sink).finish(std::move(cost));
  };
  return made;
}

}  // namespace fanout
