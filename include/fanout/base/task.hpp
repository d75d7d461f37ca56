#pragma once

#include <boost/asio/awaitable.hpp>

/// \file
/// The coroutine type of fanout.
namespace fanout {

namespace asio = boost::asio;

/// A coroutine that yields a `T`. It is Asio's own type, so fanout's client and pool work inside any Asio program and
/// any Asio library works inside fanout. Lazy: nothing runs before it is awaited or spawned. Movable, not copyable;
/// destroying it before it ran destroys the frame.
template <class T = void>
using task = asio::awaitable<T>;

}  // namespace fanout
