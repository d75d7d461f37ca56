#pragma once

/// \file
/// `task<T>` without Asio's headers, for what takes tasks of any kind: a program with blocking ones pays for no event
/// loop. Not for users.
namespace boost::asio {

class any_io_executor;
template <typename T, typename Executor>
class awaitable;

}  // namespace boost::asio

namespace fanout {

namespace asio = boost::asio;

/// A coroutine that yields a `T`: see base/task.hpp.
template <class T = void>
using task = asio::awaitable<T, asio::any_io_executor>;

namespace detail {

/// What a coroutine in a template asks of Asio. Whoever has a coroutine to run includes base/task.hpp, which defines
/// it for `Dependent = void`; name it as `coroutine_operations<dependent<T, void>>`, so that nobody else has to.
template <class Dependent>
struct coroutine_operations;

/// `Type`, but known only when `T` is.
template <class T, class Type>
struct dependent_type {
  using type = Type;
};
template <class T, class Type>
using dependent = typename dependent_type<T, Type>::type;

}  // namespace detail

}  // namespace fanout
