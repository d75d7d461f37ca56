#pragma once

#include <fanout/compare/compare.hpp>

namespace fanout::detail {

/// Chooses the best row and says why: fills in `best` and `why` from everything else.
///
/// Best is the quickest row; of those that are practically as quick, the one that needs least: no other process if it
/// can be, the fewest threads, the least memory.
void conclude(comparison& of);

/// Rows whose wall times are this close are called equally fast.
inline constexpr double practically_equal = 1.02;

}  // namespace fanout::detail
