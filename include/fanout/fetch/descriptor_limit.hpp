#pragma once

#include <fanout/core/shape.hpp>

#include <cstdint>

/// \file
/// How many exchanges the limit of open files allows.
namespace fanout::fetch {

/// The limit of open files of this process, RLIMIT_NOFILE; the greatest number where there is none.
std::uint64_t descriptor_limit();

/// The shape with as many tasks in flight as `limit` open files allow each of its processes, and at most as many as it
/// has: every task in flight is a connection, and every lane has a loop and what it watches. A shape that chooses its
/// tasks by itself stays as it is. Throws `std::invalid_argument` where the lanes alone need more.
shape fitted(const shape& asked, std::uint64_t limit = descriptor_limit());

}  // namespace fanout::fetch
