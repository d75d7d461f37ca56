#pragma once

#include <fanout/async/detail/child_array.hpp>
#include <fanout/async/exception_group.hpp>
#include <fanout/base/task.hpp>

#include <boost/asio/this_coro.hpp>

#include <cstddef>
#include <source_location>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

/// \file
/// Several coroutines at once, of which one is enough.
///
///     auto page = co_await fanout::race_to_succeed(std::move(mirrors));             // page.index says which
///     std::variant<page, std::monostate> either = co_await fanout::race_to_finish(fetch(url), stop.wait());
///
/// Structured: when there is a winner the others are cancelled, and the race returns after all have ended. What the
/// losers return or throw is dropped, which debugging reports (async/debug.hpp). Where the coroutines may run, and what
/// cancelling the awaiting one does: as with `gather`. The limit for a range is the number that race at the same time.
namespace fanout {

/// Who won, and with what; `std::monostate` for a `task<void>`.
template <class T>
struct race_winner {
  std::size_t index = 0;
  detail::gathered_t<T> value;
};

namespace detail {

template <class Rule, class T>
task<race_winner<T>> race_of_range(std::vector<task<T>> work, concurrency_limit limit, spawn_site site) {
  if (work.empty()) throw std::invalid_argument("a race of nobody has no winner");
  const auto executor = co_await asio::this_coro::executor;
  children_of_range<Rule, T> children(executor, std::move(work), limit, site);
  task<void> all = children.run();
  co_await std::move(all);
  const std::size_t winner = children.winner();
  co_return race_winner<T>{winner, std::move(*children.value(winner))};
}

template <class Result, class Children, std::size_t... I>
Result variant_at(std::size_t winner, Children& children, std::index_sequence<I...>) {
  std::optional<Result> result;
  ((I == winner ? void(result.emplace(std::in_place_index<I>, std::move(*children.template value<I>()))) : void()),
   ...);
  return std::move(*result);
}

template <class Rule, class... T>
task<std::variant<gathered_t<T>...>> race_of_pack(spawn_site site, task<T>... work) {
  const auto executor = co_await asio::this_coro::executor;
  children_of_pack<Rule, T...> children(executor, site, std::move(work)...);
  task<void> all = children.run();
  co_await std::move(all);
  co_return variant_at<std::variant<gathered_t<T>...>>(children.winner(), children, std::index_sequence_for<T...>());
}

}  // namespace detail

/// The first of `children` to end, well or badly: returns its value, as the alternative with its index, or throws what
/// it threw.
template <class... T>
  requires(sizeof...(T) > 0)
task<std::variant<detail::gathered_t<T>...>> race_to_finish(task<T>... children) {
  return detail::race_of_pack<detail::first_to_finish, T...>({.name = "race_to_finish"}, std::move(children)...);
}

/// The same with the place, as for `gather`.
template <class... T>
  requires(sizeof...(T) > 0)
task<std::variant<detail::gathered_t<T>...>> race_to_finish(std::source_location where, task<T>... children) {
  return detail::race_of_pack<detail::first_to_finish, T...>({.name = "race_to_finish", .where = where},
                                                             std::move(children)...);
}

/// The same for a range; throws `std::invalid_argument` for an empty one.
template <class T>
task<race_winner<T>> race_to_finish(std::vector<task<T>> children, concurrency_limit limit = {},
                                    std::source_location where = std::source_location::current()) {
  return detail::race_of_range<detail::first_to_finish, T>(std::move(children), limit,
                                                           {.name = "race_to_finish", .where = where});
}

/// The first of `children` to return a value. When all fail, throws an `exception_group` of what they threw, in the
/// order in which they did.
template <class... T>
  requires(sizeof...(T) > 0)
task<std::variant<detail::gathered_t<T>...>> race_to_succeed(task<T>... children) {
  return detail::race_of_pack<detail::first_to_succeed, T...>({.name = "race_to_succeed"}, std::move(children)...);
}

/// The same with the place, as for `gather`.
template <class... T>
  requires(sizeof...(T) > 0)
task<std::variant<detail::gathered_t<T>...>> race_to_succeed(std::source_location where, task<T>... children) {
  return detail::race_of_pack<detail::first_to_succeed, T...>({.name = "race_to_succeed", .where = where},
                                                              std::move(children)...);
}

/// The same for a range; throws `std::invalid_argument` for an empty one.
template <class T>
task<race_winner<T>> race_to_succeed(std::vector<task<T>> children, concurrency_limit limit = {},
                                     std::source_location where = std::source_location::current()) {
  return detail::race_of_range<detail::first_to_succeed, T>(std::move(children), limit,
                                                            {.name = "race_to_succeed", .where = where});
}

}  // namespace fanout
