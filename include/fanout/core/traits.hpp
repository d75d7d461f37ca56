#pragma once

#include <fanout/base/detail/task_declaration.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <stop_token>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

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
struct awaited<task<T>> {
  using type = T;
  static constexpr bool coroutine = true;
};

/// Inputs that hand their elements to a task of several parameters.
template <class T>
inline constexpr bool is_tuple = false;
template <class... Ts>
inline constexpr bool is_tuple<std::tuple<Ts...>> = true;
template <class First, class Second>
inline constexpr bool is_tuple<std::pair<First, Second>> = true;
template <class T, std::size_t Size>
inline constexpr bool is_tuple<std::array<T, Size>> = true;

/// Whether F can be called with the elements of `Tuple`, and `More` after them.
template <class F, class Tuple, class... More>
consteval bool takes_elements() {
  if constexpr (is_tuple<std::remove_cvref_t<Tuple>>)
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return std::is_invocable_v<F&, decltype(std::get<I>(std::declval<Tuple>()))..., More...>;
    }(std::make_index_sequence<std::tuple_size_v<std::remove_cvref_t<Tuple>>>{});
  else
    return false;
}

/// How a task takes its input. It may take a `std::stop_token` after it, and then sees the run being stopped.
enum class input_form { none, whole, whole_and_stop, elements, elements_and_stop };

/// A task that takes the input as it is gets it so, pair or not. What does not fit is not tried further than needed: to
/// ask whether a generic lambda can be called may be an error in itself.
template <class F, class Item>
consteval input_form input_form_of() {
  if constexpr (std::is_invocable_v<F&, Item>) {
    if constexpr (std::is_invocable_v<F&, Item, std::stop_token>) return input_form::whole_and_stop;
    return input_form::whole;
  } else if constexpr (takes_elements<F, Item>()) {
    if constexpr (takes_elements<F, Item, std::stop_token>()) return input_form::elements_and_stop;
    return input_form::elements;
  } else if constexpr (std::is_invocable_v<F&, Item, std::stop_token>) {
    return input_form::whole_and_stop;
  } else if constexpr (takes_elements<F, Item, std::stop_token>()) {
    return input_form::elements_and_stop;
  } else {
    return input_form::none;
  }
}

template <class F, class Item>
auto invoke_task(F& function, Item&& item, [[maybe_unused]] const std::stop_token& stop) -> decltype(auto) {
  constexpr input_form form = input_form_of<F, Item>();
  if constexpr (form == input_form::whole) {
    return std::invoke(function, std::forward<Item>(item));
  } else if constexpr (form == input_form::whole_and_stop) {
    return std::invoke(function, std::forward<Item>(item), stop);
  } else if constexpr (form == input_form::elements) {
    return std::apply(function, std::forward<Item>(item));
  } else {
    const auto with_stop = [&](auto&&... elements) -> decltype(auto) {
      return std::invoke(function, std::forward<decltype(elements)>(elements)..., stop);
    };
    return std::apply(with_stop, std::forward<Item>(item));
  }
}

template <class F, class Item>
using invoked_t = decltype(invoke_task(std::declval<F&>(), std::declval<Item>(), std::declval<std::stop_token>()));

}  // namespace detail

/// A callable that takes an `Item`, alone or with a `std::stop_token` after it; or the elements of an `Item` that is a
/// `std::pair`, `std::tuple` or `std::array`.
template <class F, class Item>
concept task_for = detail::input_form_of<F, Item>() != detail::input_form::none;

/// Whether the task is a coroutine (returns `task<T>`); otherwise it is blocking (returns `T`).
template <class F, class Item>
inline constexpr bool is_coroutine_task = detail::awaited<detail::invoked_t<F, Item>>::coroutine;

/// What the task yields: `T` for both `T f(Item)` and `task<T> f(Item)`.
template <class F, class Item>
using task_result_t = std::remove_cvref_t<typename detail::awaited<detail::invoked_t<F, Item>>::type>;

/// Whether each lane of a run calls a copy of its own of the task: its class says so with
/// `static constexpr bool per_lane = true`, or it was wrapped by `per_lane`.
template <class F>
inline constexpr bool is_per_lane_task = [] {
  if constexpr (requires { std::remove_cv_t<F>::per_lane; })
    return bool(std::remove_cv_t<F>::per_lane);
  else
    return false;
}();

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

namespace detail {

/// The inputs of `{1, 2, 3}`. Texts become strings, so that a coroutine that takes a reference has one that stays.
template <class Task, class Item>
auto listed(std::initializer_list<Item> inputs) {
  constexpr bool text = std::is_same_v<Item, const char*> && task_for<std::remove_reference_t<Task>, std::string>;
  return std::vector<std::conditional_t<text, std::string, Item>>(inputs.begin(), inputs.end());
}

/// Says in one sentence why `F` cannot be called with the inputs; false then. A task that knows better says it itself.
template <class F, class Item>
consteval bool check_task() {
  if constexpr (requires { std::remove_cv_t<F>::template check_input<Item>(); })
    return std::remove_cv_t<F>::template check_input<Item>();
  else
    static_assert(input_form_of<F, Item>() != input_form::none,
                  "the task cannot be called with these inputs: it takes one value of the source, or the elements of a "
                  "pair, tuple or array, and a std::stop_token after them if it likes");
  return task_for<F, Item>;
}

}  // namespace detail

}  // namespace fanout
