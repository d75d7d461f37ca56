#pragma once

#include <fanout/core/shape.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

/// \file
/// Which shapes `fanout compare` compares.
namespace fanout::cli {

/// A list with commas or blanks. Throws `std::invalid_argument` for a shape that does not exist, one that is named
/// twice, and an empty list.
std::vector<shape> parse_shapes(std::string_view list);

/// The shapes for a workload where none were asked for. Work that waits gets a sweep of counts in flight: 5, 64 and
/// 256, never more than there are tasks. Work that computes gets a thread, or a process, for each core, and more
/// threads than that for contrast. For commands, threads only: N at a time.
std::vector<shape> usual_shapes(std::string_view workload, std::uint64_t tasks, std::uint32_t cores);

/// How many tasks a workload has where no number was asked for: 5, and for work that computes the next multiple of the
/// cores, so that no core is idle at the end.
std::uint64_t usual_tasks(std::string_view workload, std::uint32_t cores);

}  // namespace fanout::cli
