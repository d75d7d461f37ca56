#pragma once

#include <fanout/base/task.hpp>

#include <concepts>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

/// \file
/// What kind of task a callable is, told from its type.
namespace fanout {

namespace detail {

template <class T>
struct awaited {
  using type = T;
  static constexpr bool coroutine = false;
};
template <class T>
struct awaited<asio::awaitable<T, asio::any_io_executor>> {
  using type = T;
  static constexpr bool coroutine = true;
};

/// A task may take a `std::stop_token` after its input, and then sees the run being stopped.
template <class F, class Item>
inline constexpr bool takes_stop_token = std::is_invocable_v<F&, Item, std::stop_token>;

template <class F, class Item>
auto invoke_task(F& function, Item&& item, [[maybe_unused]] const std::stop_token& stop) -> decltype(auto) {
  if constexpr (takes_stop_token<F, Item>)
    return std::invoke(function, std::forward<Item>(item), stop);
  else
    return std::invoke(function, std::forward<Item>(item));
}

template <class F, class Item>
using invoked_t = decltype(invoke_task(std::declval<F&>(), std::declval<Item>(), std::declval<std::stop_token>()));

}  // namespace detail

/// A callable that takes an `Item`, alone or with a `std::stop_token`.
template <class F, class Item>
concept task_for = std::is_invocable_v<F&, Item> || detail::takes_stop_token<F, Item>;

/// Whether the task is a coroutine (returns `task<T>`); otherwise it is blocking (returns `T`).
template <class F, class Item>
inline constexpr bool is_coroutine_task = detail::awaited<detail::invoked_t<F, Item>>::coroutine;

/// What the task yields: `T` for both `T f(Item)` and `task<T> f(Item)`.
template <class F, class Item>
using task_result_t = std::remove_cvref_t<typename detail::awaited<detail::invoked_t<F, Item>>::type>;

/// A task that can leave its process: it has a name under which another process of the same program finds it, and
/// turns inputs into bytes and bytes into results. `remote<f>` is one.
template <class F, class Item>
concept remote_task_for =
    task_for<F, Item> && requires(const F& f, const Item& item, std::string& bytes, std::string_view received) {
      { f.name() } -> std::convertible_to<std::string_view>;
      { f.context() } -> std::convertible_to<std::string>;
      f.encode(item, bytes);
      f.decode_result(received);
    };

}  // namespace fanout
