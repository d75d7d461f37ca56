#pragma once

#include <fanout/core/detail/coroutine_source.hpp>

#include <concepts>
#include <iterator>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

/// \file
/// Where inputs come from. A source is any of
///  - a range, lazy views included: `std::views::iota(0, 10'000'000)`. The elements of a container given as an lvalue
///    are copied, those of an rvalue are moved;
///  - a function that returns `std::optional<T>`, empty at the end;
///  - an object with `std::optional<T> next()`. If it also has `bool ready()`, whether `next()` would return without
///    waiting, and `int handle()`, a descriptor that becomes readable when it may be ready again, then a lane that has
///    tasks in flight waits for it on its event loop instead of stopping to read. If it has
///    `bool next_into(std::optional<T>& place)`, which puts the next value into `place` and returns false at the end, a
///    run calls that instead of `next()`: for values that are large to move. An earlier value may be there, whose
///    memory can be used again;
///  - a coroutine that yields and may await in between, `async_generator<T>`, given as an rvalue. It runs on a loop
///    and a thread of its own, a few values ahead of the run, and is cancelled, awaited and destroyed when that ends.
///
/// `run` calls a source from one thread at a time, and never again once it has ended or thrown.
namespace fanout {

template <class T>
class async_generator;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class S>
concept pull_source = requires(S& source) { requires is_optional<std::remove_cvref_t<decltype(source.next())>>; };

template <class S>
concept waitable_source = pull_source<S> && requires(S& source) {
  { source.ready() } -> std::same_as<bool>;
  { source.handle() } -> std::same_as<int>;
};

template <class S>
concept in_place_source = pull_source<S> && requires(S& source, std::remove_cvref_t<decltype(source.next())>& place) {
  { source.next_into(place) } -> std::same_as<bool>;
};

template <class S>
concept generator_source = !pull_source<S> && requires(S& source) { requires is_optional<std::invoke_result_t<S&>>; };

template <class S>
concept range_source = !pull_source<S> && !generator_source<S> && std::ranges::input_range<S>;

template <class S>
inline constexpr bool is_async_generator = false;
template <class T>
inline constexpr bool is_async_generator<async_generator<T>> = true;

/// `S` is the type of an rvalue: a run takes the generator over.
template <class S>
concept coroutine_source = is_async_generator<S>;

template <class S>
concept any_source = pull_source<std::remove_reference_t<S>> || generator_source<std::remove_reference_t<S>> ||
                     range_source<S> || coroutine_source<S>;

namespace detail {

/// A range seen as a pull source.
template <class Range>
class range_puller {
 public:
  using item = std::ranges::range_value_t<Range>;

  explicit range_puller(Range&& range) : view_(std::views::all(std::forward<Range>(range))) {}

  std::optional<item> next() {
    if (!position_)
      position_.emplace(std::ranges::begin(view_));
    else if (*position_ != std::ranges::end(view_))
      ++*position_;
    if (*position_ == std::ranges::end(view_)) return std::nullopt;
    if constexpr (owns_elements)
      return std::optional<item>(std::ranges::iter_move(*position_));
    else
      return std::optional<item>(**position_);
  }

 private:
  /// An rvalue container is ours to take apart; a view may refer to somebody else's elements.
  static constexpr bool owns_elements =
      !std::is_lvalue_reference_v<Range> && !std::ranges::view<std::remove_cvref_t<Range>>;
  static_assert(owns_elements || std::constructible_from<item, std::ranges::range_reference_t<Range>>,
                "the elements of this range cannot be copied: pass the container as an rvalue, std::move(inputs)");

  std::views::all_t<Range> view_;
  std::optional<std::ranges::iterator_t<std::views::all_t<Range>>> position_;
};

/// Refers to a pull source given as an lvalue.
template <class Source>
class source_reference {
 public:
  using item = typename std::remove_cvref_t<decltype(std::declval<Source&>().next())>::value_type;
  explicit source_reference(Source& source) : source_(source) {}
  std::optional<item> next() { return source_.next(); }
  bool next_into(std::optional<item>& place)
    requires in_place_source<Source>
  {
    return source_.next_into(place);
  }
  bool ready()
    requires waitable_source<Source>
  {
    return source_.ready();
  }
  int handle()
    requires waitable_source<Source>
  {
    return source_.handle();
  }

 private:
  Source& source_;
};

template <class Generator>
class generator_puller {
 public:
  using item = typename std::invoke_result_t<Generator&>::value_type;
  explicit generator_puller(Generator& generator) : generator_(generator) {}
  std::optional<item> next() { return generator_(); }

 private:
  Generator& generator_;
};

/// Any source as an object with `next()`. It may refer to `source`, which must outlive it.
template <any_source S>
auto make_puller(S&& source) {
  using bare = std::remove_reference_t<S>;
  if constexpr (coroutine_source<S>)
    return coroutine_puller<typename S::value_type>(std::forward<S>(source));
  else if constexpr (pull_source<bare>)
    return source_reference<bare>(source);
  else if constexpr (generator_source<bare>)
    return generator_puller<bare>(source);
  else
    return range_puller<S>(std::forward<S>(source));
}

template <any_source S>
using puller_t = decltype(make_puller(std::declval<S>()));

}  // namespace detail

/// What a source yields.
template <any_source S>
using source_item_t = typename detail::puller_t<S>::item;

}  // namespace fanout
