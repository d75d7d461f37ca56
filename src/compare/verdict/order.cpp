#include "compare/verdict/order.hpp"

#include "compare/text/seconds.hpp"

#include <algorithm>
#include <vector>

namespace fanout::detail {
namespace {

constexpr double plain_to_see = 1.5;  ///< so much slower that one run shows it
constexpr double tie_width = 0.05;    ///< ties as near as this stay ties
constexpr std::size_t few = 3;        ///< runs
constexpr std::size_t one_to_spare = 5;

/// Ascending. A row made by hand may have the median alone.
std::vector<double> sorted_walls(const comparison_row& row) {
  std::vector<double> walls;
  walls.reserve(row.walls.size() + 1);
  for (const auto wall : row.walls) walls.push_back(seconds(wall));
  if (walls.empty()) walls.push_back(seconds(row.cost.wall));
  std::ranges::sort(walls);
  return walls;
}

double median_of_sorted(const std::vector<double>& walls) {
  return walls[(walls.size() - 1) / 2];
}

}  // namespace

double spread_of(const comparison_row& row) {
  const auto walls = sorted_walls(row);
  const double median = median_of_sorted(walls);
  return median > 0 ? (median - walls.front()) / median : 0;
}

double equality(const comparison& of) {
  const bool waits = of.kind == work_kind::io_bound;
  return std::max(practically_equal, waits ? 0.0 : of.noise);
}

order order_of(const comparison& all, const comparison_row& quicker, const comparison_row& other) {
  const auto quick = sorted_walls(quicker);
  const auto slow = sorted_walls(other);
  const double ratio = median_of_sorted(quick) > 0 ? median_of_sorted(slow) / median_of_sorted(quick) : 1;
  const double equal = std::min(std::max({equality(all), spread_of(quicker), spread_of(other)}), most_noise);
  if (ratio <= 1 + equal) return order::tie;
  const std::size_t runs = std::min(quick.size(), slow.size());
  if (runs < few && ratio < plain_to_see && all.noise > practically_equal) return order::unclear;
  const double slowest = quick[quick.size() - (quick.size() >= one_to_spare ? 2 : 1)];
  return slowest < slow.front() ? order::slower : order::unclear;
}

const comparison_row* quickest_of(const std::vector<comparison_row>& rows) {
  const comparison_row* quickest = nullptr;
  for (const auto& row : rows)
    if (row.ok() && (!quickest || row.cost.wall < quickest->cost.wall)) quickest = &row;
  return quickest;
}

bool is_settled(const comparison& all, const comparison_row& quickest, const comparison_row& row) {
  const double ratio = seconds(row.cost.wall) / seconds(quickest.cost.wall);
  if (ratio >= 2 * plain_to_see) return true;
  switch (order_of(all, quickest, row)) {
    case order::slower:
      return true;
    case order::tie:
      return ratio <= 1 + tie_width && spread_of(row) <= 2 * tie_width && spread_of(quickest) <= 2 * tie_width;
    case order::unclear:
      return false;
  }
  return false;
}

}  // namespace fanout::detail
