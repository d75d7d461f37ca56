#pragma once

#include <fanout/core/run.hpp>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

/// \file
/// The everyday calls over `run`. They take the task before its inputs, as `std::transform` and Python's `map` do not,
/// but reading does: map this shape's f over these.
namespace fanout {

/// Hands each outcome to `sink` as it completes, failures included, and returns what the run cost. Throws as `run`
/// does.
template <any_source Source, class Task, class Sink>
  requires task_for<std::remove_reference_t<Task>, source_item_t<Source>>
report for_each_completed(const options& how, Task&& function, Source&& inputs, Sink&& sink) {
  return run(how, std::forward<Source>(inputs), std::forward<Task>(function), std::forward<Sink>(sink));
}

/// The outcome of every input that was started, in the order of the inputs. Failures are values here. When the run was
/// stopped, or `fail_fast` ended it, the rest is missing from the end. Throws as `run` does.
template <any_source Source, class Task>
  requires task_for<std::remove_reference_t<Task>, source_item_t<Source>>
auto map_outcomes(const options& how, Task&& function, Source&& inputs) {
  using outcome_type = outcome<task_result_t<std::remove_reference_t<Task>, source_item_t<Source>>>;
  std::vector<outcome_type> all;
  run(how, std::forward<Source>(inputs), std::forward<Task>(function), [&all](outcome_type out) {
    if (out.index >= all.size()) all.resize(out.index + 1);
    const auto place = out.index;
    all[place] = std::move(out);
  });
  return all;
}

/// The results, in the order of the inputs; nothing for a task that returns nothing.
///
/// Throws the first failure: under `fail_fast` the one that ended the run, after the other tasks were cancelled and
/// awaited; under `collect` the one with the lowest index, after all have run. It is the very exception of the task
/// where it ran in this process, and a `fanout::error` otherwise. A stopped run throws a `fanout::error` of kind
/// `cancelled`. Throws as `run` does besides.
template <any_source Source, class Task>
  requires task_for<std::remove_reference_t<Task>, source_item_t<Source>>
auto map(const options& how, Task&& function, Source&& inputs) {
  using result = task_result_t<std::remove_reference_t<Task>, source_item_t<Source>>;
  using outcome_type = outcome<result>;
  using value_type = typename outcome_type::value_type;

  std::vector<std::optional<value_type>> values;
  std::optional<failure> first;
  std::uint64_t first_index = 0;
  const auto keep = [&](outcome_type out) {
    if (!out.ok()) {
      if (!first || (how.on_error == on_error::collect && out.index < first_index)) {
        first = out.error();
        first_index = out.index;
      }
    } else if constexpr (!std::is_void_v<result>) {
      const std::size_t index = out.index;
      if (index >= values.size()) values.resize(std::max(index + 1, values.size() * 2));
      values[index] = std::move(out).value();
    }
  };
  const report cost = run(how, std::forward<Source>(inputs), std::forward<Task>(function), keep);
  if (first) outcome_type::throw_failure(*first);
  if (cost.stopped) throw error(failure_kind::cancelled, "the run was stopped before its source ended");

  if constexpr (!std::is_void_v<result>) {
    std::vector<value_type> results;
    results.reserve(cost.tasks);
    for (std::uint64_t i = 0; i < cost.tasks; ++i) results.push_back(std::move(*values[i]));
    return results;
  }
}

}  // namespace fanout
