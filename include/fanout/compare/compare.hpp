#pragma once

#include <fanout/compare/comparison.hpp>
#include <fanout/compare/sweep.hpp>
#include <fanout/compare/workload.hpp>
#include <fanout/core/interrupt.hpp>
#include <fanout/core/report.hpp>
#include <fanout/core/shape.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

/// \file
/// The same work under several shapes, measured, and what follows from it.
///
///     auto found = fanout::compare(fanout::workloads::io("http://127.0.0.1:8080/delay/400", 5, 30s),
///                                  {fanout::sync(), fanout::threads(5), fanout::async(5)});
///     std::cout << fanout::render_table(found);
namespace fanout {

struct compare_options {
  /// Raised: `compare` cancels what is under way and throws a `fanout::error` of kind `cancelled`. May be null.
  const fanout::interrupt* interrupt = nullptr;
  /// How often the work is run under each shape, at least once. The shapes take turns, so that a machine whose speed
  /// drifts disturbs all alike, and the median run of each is its row. One that fails is its row in any case.
  std::uint32_t rounds = 3;
  /// How long to go on with further rounds, of those shapes whose order is not settled yet; zero: no further rounds. At
  /// most four times `rounds`.
  std::chrono::nanoseconds settle_within = std::chrono::seconds(5);
  bool timeline = false;  ///< run each shape once more, for `comparison_row::timeline`
  /// Called before each run under a shape, and with null before the tasks that are run alone.
  std::function<void(const fanout::shape*)> on_measure;
};

namespace detail {
std::string own_tasks(std::uint64_t count);
}

/// Runs `work` under each of `shapes`, in turn; before that, single tasks alone, to warm up and to see what a task
/// takes when nothing disturbs it; between the runs a piece of work that is always the same, to measure the noise, and
/// a short rest, to measure what other programs use. Rows that differ by less than the noise are ties. Where the
/// figures do not show which shape is best, none is named, and `comparison::doubt` says why. Failures of tasks, results
/// that differ between rows, and shapes that cannot run the work fail their row. Throws `std::invalid_argument` without
/// tasks or shapes.
///
/// Resets this process's peak of resident memory (`VmHWM` of proc(5)) before each row. Thread safety: two comparisons
/// at once disturb each other's figures, and nothing else.
comparison compare(const workload& work, const std::vector<shape>& shapes, const compare_options& how = {});

/// The same for a task of the caller's, as `run` takes it, applied to each of `inputs`, which should take about equally
/// long. Results are not compared; a task that throws has failed. What a shape cannot run is a row that says why: a
/// blocking task in a loop, one that is no `remote<f>` in worker processes.
///
///     auto found = fanout::compare(resize, pictures, {fanout::sync(), fanout::threads(4), fanout::processes(4)});
template <class Task, std::ranges::input_range Inputs>
  requires task_for<Task, std::ranges::range_value_t<Inputs>>
comparison compare(Task function, const Inputs& inputs, const std::vector<shape>& shapes,
                   const compare_options& how = {}) {
  using input = std::ranges::range_value_t<Inputs>;
  std::vector<input> all(std::ranges::begin(inputs), std::ranges::end(inputs));
  const auto count = all.size();
  return compare(make_workload("own", detail::own_tasks(count), std::move(function), std::move(all),
                               [](const auto&) { return std::uint64_t{0}; }),
                 shapes, how);
}

/// The same as text: a heading, one line for each row, and the conclusion. At most `width` columns (never fewer than
/// 40), unless the name of a shape is longer than any real one; where the figures need more, the least telling are left
/// out. Characters that could control a terminal are escaped.
std::string render_table(const comparison& of, std::size_t width = 80);

/// One JSON object for all: `{"machine": {...}, "workloads": [...]}`. Times are in seconds. What is not known is null.
std::string to_json(const std::vector<comparison>& all);

}  // namespace fanout
