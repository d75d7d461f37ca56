#pragma once

#include <fanout/core/run.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

/// \file
/// Work that is to be run under several shapes, with a check that each of them did all of it.
namespace fanout {

/// What one run of a workload came to.
struct workload_run {
  report cost;                          ///< its failures include the tasks whose result was not accepted
  std::uint64_t checksum = 0;           ///< of all results, in whatever order they came
  std::string failure;                  ///< of the failed task with the lowest index; empty if none failed
  std::chrono::nanoseconds quickest{};  ///< the quickest task that succeeded; zero if none did
};

/// A number of equal tasks. A plain value; make one with `make_workload`, or take one of workloads.hpp.
struct workload {
  std::string name;         ///< one word, as on the command line: "io"
  std::string description;  ///< what is done, for a heading: "5 fetches of http://..."
  std::uint64_t tasks = 0;

  /// Runs the first `count` tasks with `fanout::run`, and throws as it does. Every shape runs the same task.
  std::function<workload_run(const options& how, std::uint64_t count)> run;
};

namespace detail {

/// Gathers the outcomes of one run.
class workload_sink {
 public:
  void accept(const outcome_facts& facts, std::uint64_t digest);
  void refuse(const outcome_facts& facts, failure why);
  workload_run finish(report cost) &&;

 private:
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
    report cost = fanout::run(all, std::views::take(*shared, number), function, [&](outcome<result> out) {
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
