#pragma once

#include <fanout/compare/comparison.hpp>
#include <fanout/core/shape.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// \file
/// How work scales with the number of tasks in flight, threads or processes.
///
///     auto found = fanout::compare(work, fanout::sweep_shapes(fanout::threads(8)));  // threads:1, 2, 4 and 8
///     std::cout << fanout::render_sweep(fanout::scaling_of(found));
namespace fanout {

/// `most` with 1, 2, 4 ... and all of its tasks in flight. Throws `std::invalid_argument` for shapes that do not grow:
/// `sync`, `auto` and PxTxC.
std::vector<shape> sweep_shapes(const shape& most);

/// What the rows of a comparison under `sweep_shapes` say. Failed rows are points without a time.
scaling scaling_of(const comparison& of);

/// The points, with bars, and the conclusion, in at most `width` columns (never fewer than 40).
std::string render_sweep(const scaling& of, std::size_t width = 80);

}  // namespace fanout
