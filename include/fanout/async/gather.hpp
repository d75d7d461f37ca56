#pragma once

#include <fanout/async/detail/child_array.hpp>
#include <fanout/async/settled.hpp>
#include <fanout/base/task.hpp>

#include <boost/asio/this_coro.hpp>

#include <cstddef>
#include <source_location>
#include <tuple>
#include <utility>
#include <vector>

/// \file
/// Several coroutines at once, awaited together.
///
///     auto [a, b] = co_await fanout::gather(fetch(first), count(second));
///     std::vector<page> pages = co_await fanout::gather(std::move(fetches), fanout::concurrency_limit(16));
///     std::vector<fanout::settled<page>> all = co_await fanout::gather_settled(std::move(fetches));
///
/// Structured: they return only after every child has ended, and cancelling the awaiting coroutine cancels all
/// children. The first failure in a `gather` cancels the siblings, awaits them, and is then thrown. (`asyncio.gather`
/// leaves the siblings running.) Works on any executor; the children run on the awaiting coroutine's, which must not
/// run two handlers at the same time: an `io_context` with one thread, or a strand.
namespace fanout {

namespace detail {

template <std::size_t... I, class... T>
task<std::tuple<gathered_t<T>...>> gather_pack(std::index_sequence<I...>, spawn_site site, task<T>... work) {
  const auto executor = co_await asio::this_coro::executor;
  children_of_pack<all_must_succeed, T...> children(executor, site, std::move(work)...);
  task<void> all = children.run();
  co_await std::move(all);
  children.check();
  co_return std::tuple<gathered_t<T>...>(std::move(*children.template value<I>())...);
}

template <std::size_t... I, class... T>
task<std::tuple<settled<T>...>> gather_pack_settled(std::index_sequence<I...>, spawn_site site, task<T>... work) {
  const auto executor = co_await asio::this_coro::executor;
  children_of_pack<all_settle, T...> children(executor, site, std::move(work)...);
  task<void> all = children.run();
  co_await std::move(all);
  co_return std::tuple<settled<T>...>(children.template take<T, I>()...);
}

}  // namespace detail

/// Runs all `children` and returns their values as a tuple, `std::monostate` for one without a value.
template <class... T>
task<std::tuple<detail::gathered_t<T>...>> gather(task<T>... children) {
  return detail::gather_pack(std::index_sequence_for<T...>(), {.name = "gather"}, std::move(children)...);
}

/// The same, for whoever wants reports of debugging to say where: `gather(std::source_location::current(), a(), b())`.
/// After a pack of arguments there can be no default one, which finds that out by itself for a range.
template <class... T>
task<std::tuple<detail::gathered_t<T>...>> gather(std::source_location where, task<T>... children) {
  return detail::gather_pack(std::index_sequence_for<T...>(), {.name = "gather", .where = where},
                             std::move(children)...);
}

/// Runs all `children` and returns their values in order; for `task<void>`, a vector of `std::monostate`.
template <class T>
task<std::vector<detail::gathered_t<T>>> gather(std::vector<task<T>> children, concurrency_limit limit = {},
                                                std::source_location where = std::source_location::current()) {
  const auto executor = co_await asio::this_coro::executor;
  detail::children_of_range<detail::all_must_succeed, T> running(executor, std::move(children), limit,
                                                                 {.name = "gather", .where = where});
  task<void> all = running.run();
  co_await std::move(all);
  running.check();
  std::vector<detail::gathered_t<T>> values;
  values.reserve(running.size());
  for (std::size_t i = 0; i < running.size(); ++i) values.push_back(std::move(*running.value(i)));
  co_return values;
}

/// Runs all `children` to their ends and returns what became of each, as a tuple. A failure disturbs nobody. When the
/// awaiting coroutine is cancelled so are the children; what they made of it is returned all the same.
template <class... T>
task<std::tuple<settled<T>...>> gather_settled(task<T>... children) {
  return detail::gather_pack_settled(std::index_sequence_for<T...>(), {.name = "gather_settled"},
                                     std::move(children)...);
}

/// The same with the place, as for `gather`.
template <class... T>
task<std::tuple<settled<T>...>> gather_settled(std::source_location where, task<T>... children) {
  return detail::gather_pack_settled(std::index_sequence_for<T...>(), {.name = "gather_settled", .where = where},
                                     std::move(children)...);
}

/// The same for a range, in order. A child that never began, because of the limit, is settled as cancelled.
template <class T>
task<std::vector<settled<T>>> gather_settled(std::vector<task<T>> children, concurrency_limit limit = {},
                                             std::source_location where = std::source_location::current()) {
  const auto executor = co_await asio::this_coro::executor;
  detail::children_of_range<detail::all_settle, T> running(executor, std::move(children), limit,
                                                           {.name = "gather_settled", .where = where});
  task<void> all = running.run();
  co_await std::move(all);
  std::vector<settled<T>> results;
  results.reserve(running.size());
  for (std::size_t i = 0; i < running.size(); ++i) results.push_back(running.take(i));
  co_return results;
}

}  // namespace fanout
