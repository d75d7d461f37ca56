#pragma once

#include <fanout/base/task.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <optional>

/// \file
/// Waiting on a loop for a descriptor that others use, too. Not for users.
namespace fanout::detail {

/// Makes `handle` one that is readable while `descriptor` is, for `loop` to wait on. A loop makes every descriptor it
/// waits for non-blocking, and that mode belongs to the open file: to a terminal or pipe that other processes use too,
/// and to whoever else reads it here; so what it waits for is an epoll instance of its own. Throws
/// `std::system_error` or what Asio throws, and changes nothing then.
void open_wait_handle(std::optional<asio::posix::stream_descriptor>& handle, asio::io_context& loop, int descriptor);

}  // namespace fanout::detail
