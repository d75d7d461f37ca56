#pragma once

#include <fanout/core/detail/mapped_values.hpp>
#include <fanout/core/run.hpp>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

/// \file
/// The everyday calls over `run`. They take the task before its inputs, as `std::transform` and Python's `map` do not,
/// but reading does: map this shape's f over these.
namespace fanout {

namespace detail {

/// The sink of `map`: the values, and the failure it throws.
template <class Result>
class map_sink {
  using outcome_type = outcome<Result>;

 public:
  static constexpr bool takes_plain = mapped_values<typename outcome_type::value_type>::plain;

  explicit map_sink(fanout::on_error on_error) : lowest_first_(on_error == fanout::on_error::collect) {}

  void expect(std::uint64_t count) { values_.expect(count); }

  void operator()(outcome_type out) {
    [[maybe_unused]] const std::uint64_t index = out.index;
    if (!out.ok())
      keep_failure(out);
    else if constexpr (!std::is_void_v<Result>)
      values_.put(index, std::move(out).value());
  }
  void take_plain(std::uint64_t index, const char* bytes, std::uint32_t count) {
    if constexpr (takes_plain) values_.put_plain(index, bytes, count);
  }

  void throw_first_failure() const {
    if (first_) throw_failure(*first_);
  }
  auto take(std::uint64_t count) {
    if constexpr (!std::is_void_v<Result>) return values_.take(count);
  }

 private:
  void keep_failure(const outcome_type& out) {
    if (first_ && !(lowest_first_ && out.index < first_index_)) return;
    first_ = out.error();
    first_index_ = out.index;
  }

  const bool lowest_first_;
  mapped_values<typename outcome_type::value_type> values_;
  std::optional<failure> first_;
  std::uint64_t first_index_ = 0;
};

}  // namespace detail

/// Hands each outcome to `sink` as it completes, failures included, and returns what the run cost. Throws as `run`
/// does.
template <any_source Source, class Task, class Sink>
report for_each_completed(const options& how, Task&& function, Source&& inputs, Sink&& sink) {
  return run(how, std::forward<Task>(function), std::forward<Source>(inputs), std::forward<Sink>(sink));
}
/// Of inputs written where they are used: `{1, 2, 3}`.
template <class Task, class Item, class Sink>
report for_each_completed(const options& how, Task&& function, std::initializer_list<Item> inputs, Sink&& sink) {
  return run(how, std::forward<Task>(function), detail::listed<Task>(inputs), std::forward<Sink>(sink));
}

/// The outcome of every input that was started, in the order of the inputs. Failures are values here. When the run was
/// stopped, or `fail_fast` ended it, the rest is missing from the end. Throws as `run` does.
template <any_source Source, class Task>
[[nodiscard]] auto map_outcomes(const options& how, Task&& function, Source&& inputs) {
  using task = std::remove_reference_t<Task>;
  if constexpr (detail::check_task<task, source_item_t<Source>>()) {
    using outcome_type = outcome<task_result_t<task, source_item_t<Source>>>;
    std::vector<outcome_type> all;
    run(how, std::forward<Task>(function), std::forward<Source>(inputs), [&all](outcome_type out) {
      if (out.index >= all.size()) all.resize(out.index + 1);
      const auto place = out.index;
      all[place] = std::move(out);
    });
    return all;
  }
}
/// Of inputs written where they are used: `{1, 2, 3}`.
template <class Task, class Item>
[[nodiscard]] auto map_outcomes(const options& how, Task&& function, std::initializer_list<Item> inputs) {
  return map_outcomes(how, std::forward<Task>(function), detail::listed<Task>(inputs));
}

/// The results, in the order of the inputs; nothing for a task that returns nothing.
///
/// Throws the first failure: under `fail_fast` the one that ended the run, after the other tasks were cancelled and
/// awaited; under `collect` the one with the lowest index, after all have run. It is the very exception of the task
/// where it ran in this process, and a `fanout::error` otherwise. A stopped run throws a `fanout::error` of kind
/// `cancelled`. Throws as `run` does besides.
template <any_source Source, class Task>
auto map(const options& how, Task&& function, Source&& inputs) {
  using task = std::remove_reference_t<Task>;
  if constexpr (detail::check_task<task, source_item_t<Source>>()) {
    detail::map_sink<task_result_t<task, source_item_t<Source>>> sink(how.on_error);
    if constexpr (range_source<Source>)
      if constexpr (std::ranges::sized_range<Source>)
        sink.expect(static_cast<std::uint64_t>(std::ranges::size(inputs)));
    const report cost = run(how, std::forward<Task>(function), std::forward<Source>(inputs), sink);
    sink.throw_first_failure();
    if (cost.stopped) throw error(failure_kind::cancelled, "the run was stopped before its source ended");
    return sink.take(cost.tasks);
  }
}
/// Of inputs written where they are used: `{1, 2, 3}`.
template <class Task, class Item>
auto map(const options& how, Task&& function, std::initializer_list<Item> inputs) {
  return map(how, std::forward<Task>(function), detail::listed<Task>(inputs));
}

}  // namespace fanout
