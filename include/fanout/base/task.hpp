#pragma once

#include <fanout/base/detail/task_declaration.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

/// \file
/// The coroutine type of fanout.
///
/// `task<T>` is a coroutine that yields a `T`. It is Asio's own type, `boost::asio::awaitable<T>`, so fanout's client
/// and pool work inside any Asio program and any Asio library works inside fanout. Lazy: nothing runs before it is
/// awaited or spawned. Movable, not copyable; destroying it before it ran destroys the frame.
namespace fanout::detail {

template <>
struct coroutine_operations<void> {
  static auto reset_cancellation_state() { return asio::this_coro::reset_cancellation_state(); }
};

}  // namespace fanout::detail
