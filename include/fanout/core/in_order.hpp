#pragma once

#include <fanout/core/detail/order_window.hpp>
#include <fanout/core/run.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <optional>
#include <type_traits>
#include <utility>

/// \file
/// Outcomes in the order of the inputs, as they become possible: Python's `imap`, without its unbounded queue.
namespace fanout {

namespace detail {

/// Keeps outcomes that come early, until those before them have come.
template <class Item, class Outcome, class Sink>
class in_order_sink {
  static constexpr bool takes_input = std::is_invocable_v<Sink&, Outcome, const Item&>;
  static_assert(takes_input || std::is_invocable_v<Sink&, Outcome>,
                "the sink must be callable with outcome<R>, or with outcome<R> and the input, where R is what the task "
                "returns");
  static_assert(!takes_input || std::is_copy_constructible_v<Item>,
                "a sink that takes the inputs, in order, needs copies of those whose outcomes come early");

 public:
  in_order_sink(Sink& sink, order_window& window) : sink_(sink), window_(window) {}

  void operator()(Outcome out)
    requires(!takes_input)
  {
    take(std::move(out), nullptr);
  }
  void operator()(Outcome out, const Item& input)
    requires takes_input
  {
    take(std::move(out), &input);
  }

 private:
  struct early {
    Outcome out;
    std::optional<Item> input;  ///< where the sink takes it
  };

  void take(Outcome&& out, const Item* input) {
    const auto place = static_cast<std::size_t>(out.index - next_);
    if (place > 0) return keep(place, std::move(out), input);
    hand_over(std::move(out), input);
    std::uint64_t count = 1;
    if (!waiting_.empty()) waiting_.pop_front();
    for (; !waiting_.empty() && waiting_.front(); waiting_.pop_front(), ++count) {
      early& next = *waiting_.front();
      hand_over(std::move(next.out), next.input ? &*next.input : nullptr);
    }
    next_ += count;
    window_.handed_over(count);
  }

  void keep(std::size_t place, Outcome&& out, const Item* input) {
    if (place >= waiting_.size()) waiting_.resize(place + 1);
    waiting_[place].emplace(early{std::move(out), {}});
    if constexpr (takes_input) waiting_[place]->input.emplace(*input);
  }

  void hand_over(Outcome&& out, [[maybe_unused]] const Item* input) {
    if constexpr (takes_input)
      sink_(std::move(out), *input);
    else
      sink_(std::move(out));
  }

  Sink& sink_;
  order_window& window_;
  std::uint64_t next_ = 0;                    ///< index of the outcome that is to be handed over
  std::deque<std::optional<early>> waiting_;  ///< from that one on, which is empty
};

}  // namespace detail

/// Options of `for_each_in_order`.
struct order_options {
  /// Inputs pulled and not yet handed over as outcomes, at most: what a task that takes long can hold up, and what is
  /// kept in memory meanwhile. 0 for 4 for each task the shape has in flight, and 1,024 at least.
  std::uint64_t window = 0;
};

/// As `for_each_completed`, but hands outcomes to `sink` in the order of the inputs, failures and cancelled tasks in
/// their places, each as soon as those before it were handed over. It never gets further ahead than its window: then
/// nothing more is pulled until the task that the others wait for has ended. Throws as `run` does.
///
///     fanout::for_each_in_order(fanout::processes(4), fanout::remote<render>, pages,
///                               [&](fanout::outcome<std::string> page) { file << page.value(); });
template <any_source Source, class Task, class Sink>
report for_each_in_order(const options& how, Task&& function, Source&& inputs, Sink&& sink,
                         const order_options& order = {}) {
  using item = source_item_t<Source>;
  if constexpr (detail::check_task<std::remove_reference_t<Task>, item>()) {
    using outcome_type = outcome<task_result_t<std::remove_reference_t<Task>, item>>;
    const std::uint64_t usual = std::max<std::uint64_t>(1024, 4 * std::uint64_t{how.shape.tasks});
    detail::windowed_source<detail::puller_t<Source>> source(order.window > 0 ? order.window : usual,
                                                             std::forward<Source>(inputs));
    detail::in_order_sink<item, outcome_type, std::remove_reference_t<Sink>> ordered(sink, source.window());
    return run(how, std::forward<Task>(function), source, ordered);
  } else {
    return {};
  }
}
/// Of inputs written where they are used: `{1, 2, 3}`.
template <class Task, class Item, class Sink>
report for_each_in_order(const options& how, Task&& function, std::initializer_list<Item> inputs, Sink&& sink,
                         const order_options& order = {}) {
  return for_each_in_order(how, std::forward<Task>(function), detail::listed<Task>(inputs), std::forward<Sink>(sink),
                           order);
}

}  // namespace fanout
