#pragma once

#include <fanout/compare/comparison.hpp>

/// \file
/// Which of two rows was faster, and how far the figures can say so.
namespace fanout::detail {

/// Rows whose wall times are this close are ties, however quiet the machine is.
inline constexpr double practically_equal = 0.02;
/// Above this, noise hides what a choice would gain: such rows are neither ties nor in order.
inline constexpr double most_noise = 0.20;

/// Half the range of the quicker half of a row's runs, over its median: other programs slow runs down and never speed
/// them up, so the slower half says more about them. 0 for fewer than two runs.
double spread_of(const comparison_row& row);

/// The share by which wall times may differ and still be ties: `practically_equal`, or the noise where tasks compute.
double equality(const comparison& of);

/// How a row compares with one whose median wall time is not greater.
enum class order {
  slower,   ///< each of its runs was slower than those of the quicker row, of which the slowest of five may be left out
  tie,      ///< as fast within the noise
  unclear,  ///< neither
};
order order_of(const comparison& all, const comparison_row& quicker, const comparison_row& other);

/// The successful row with the least wall time. Null if every row failed.
const comparison_row* quickest_of(const std::vector<comparison_row>& rows);

/// Whether more rounds of `row` could change what the figures say of it and `quickest`.
bool is_settled(const comparison& all, const comparison_row& quickest, const comparison_row& row);

}  // namespace fanout::detail
