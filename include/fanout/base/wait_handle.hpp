#pragma once

/// \file
/// Waiting on a loop for a descriptor that others use, too. Not for users.
namespace fanout::detail {

/// A descriptor of its own that is readable while `descriptor` is, for a loop to wait on. A loop makes every descriptor
/// it waits for non-blocking, and that mode belongs to the open file: to a terminal or pipe that other processes use
/// too, and to whoever else reads it here. Throws `std::system_error`.
int open_wait_handle(int descriptor);

}  // namespace fanout::detail
