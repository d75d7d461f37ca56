#pragma once

#include <fanout/compare/comparison.hpp>

#include <string_view>

namespace fanout::detail {

/// Chooses the best row and says why: fills in `best` and `why` from everything else. `figure` is the sentence that
/// shows what kind of work it is.
///
/// Best is the quickest row; of those that are as quick within the machine's noise, the one that needs least: no other
/// process if it can be, the fewest threads, the least memory.
void conclude(comparison& of, std::string_view figure);

/// Rows whose wall times are this close are called equally fast, however quiet the machine is.
inline constexpr double practically_equal = 0.02;

/// The share by which wall times may differ and still be called equal.
double equality(const comparison& of);

}  // namespace fanout::detail
