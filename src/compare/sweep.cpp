#include <fanout/compare/comparison.hpp>
#include <fanout/compare/detail/text.hpp>
#include <fanout/compare/sweep.hpp>

#include "compare/text/seconds.hpp"
#include "compare/verdict/order.hpp"
#include "compare/verdict/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace fanout {
namespace {

using detail::seconds;

std::vector<const sweep_point*> measured(const scaling& of) {
  std::vector<const sweep_point*> good;
  for (const auto& point : of.points)
    if (point.failure.empty()) good.push_back(&point);
  return good;
}

// 1/S - 1/n = s (1 - 1/n): a line through the origin.
void fit_amdahl(scaling& to) {
  double above = 0;
  double below = 0;
  for (const sweep_point* point : measured(to)) {
    const double x = 1 - 1.0 / point->count;
    above += (1 / point->speedup - 1.0 / point->count) * x;
    below += x * x;
  }
  if (below > 0) to.serial_share = std::clamp(above / below, 0.0, 1.0);
}

// n/S - 1 = contention (n - 1) + coherency n (n - 1): a plane through the origin. Neither can be negative; one that
// would be is zero, and the other fitted alone.
void fit_usl(scaling& to) {
  double aa = 0;
  double ab = 0;
  double bb = 0;
  double ay = 0;
  double by = 0;
  const auto points = measured(to);
  for (const sweep_point* point : points) {
    const double n = point->count;
    const double a = n - 1;
    const double b = n * (n - 1);
    const double y = n / point->speedup - 1;
    aa += a * a;
    ab += a * b;
    bb += b * b;
    ay += a * y;
    by += b * y;
  }
  const double determinant = aa * bb - ab * ab;
  if (points.size() < 3 || determinant <= 0) return;
  double contention = (ay * bb - by * ab) / determinant;
  double coherency = (by * aa - ay * ab) / determinant;
  if (coherency < 0) {
    coherency = 0;
    contention = ay / aa;
  } else if (contention < 0) {
    contention = 0;
    coherency = by / bb;
  }
  to.contention = std::max(contention, 0.0);
  to.coherency = std::max(coherency, 0.0);
  if (*to.coherency > 0 && *to.contention < 1) to.peak = std::sqrt((1 - *to.contention) / *to.coherency);
}

void find_end(scaling& to, double equality) {
  const auto points = measured(to);
  if (points.empty()) return;
  const auto fastest =
      (*std::ranges::min_element(points, {}, [](const sweep_point* point) { return point->wall; }))->wall;
  for (const sweep_point* point : points) {
    if (seconds(point->wall) > seconds(fastest) * (1 + equality)) continue;
    to.stops_paying_at = point->count;
    return;
  }
}

std::string conclusion(const scaling& of) {
  if (!of.doubt.empty())
    return fmt::format("Cannot tell how far {} pays: {}. Run it again on a quiet machine.", of.shape, of.doubt);
  if (!of.stops_paying_at) return "Nothing could be measured.";
  std::string said;
  if (*of.stops_paying_at == of.points.back().count)
    said = fmt::format("More {} still pay at {}, the largest count measured.", of.shape, *of.stops_paying_at);
  else if (*of.stops_paying_at == 1)
    said = fmt::format("{} does not pay: more than 1 is not faster.", of.shape);
  else
    said = fmt::format("{} pays up to {}: more is not faster.", of.shape, *of.stops_paying_at);
  if (of.serial_share)
    said += fmt::format(" Amdahl's law fits with a serial part of {:.1f} %.", *of.serial_share * 100);
  if (of.contention)
    said += fmt::format(" The universal scalability law fits with contention {:.4f} and coherency {:.5f}{}.",
                        *of.contention, *of.coherency,
                        of.peak ? fmt::format("; its maximum is at {:.0f}", std::max(*of.peak, 1.0)) : "");
  return said;
}

}  // namespace

std::vector<shape> sweep_shapes(const shape& most) {
  switch (most.model) {
    case model::threads:
    case model::async:
    case model::processes:
    case model::hybrid:
      break;
    case model::sync:
    case model::grid:
    case model::automatic:
      throw std::invalid_argument(
          fmt::format("'{}' has no count to sweep; use threads:N, async:N, processes:N or hybrid:N", to_string(most)));
  }
  std::vector<shape> all;
  for (std::uint32_t count = 1; count < most.tasks; count *= 2) all.push_back(with_tasks(most, count));
  all.push_back(most);
  return all;
}

scaling scaling_of(const comparison& of) {
  scaling found;
  if (of.rows.empty()) return found;
  const std::string name = to_string(of.rows.front().shape);
  found.shape = name.substr(0, name.find(':'));
  for (const comparison_row& row : of.rows) found.points.push_back({row.shape.tasks, row.cost.wall, 1, row.failure});
  const auto points = measured(found);
  if (points.empty() || points.front()->count != 1) return found;
  const auto first = points.front()->wall;
  for (auto& point : found.points)
    if (point.failure.empty() && point.wall.count() > 0) point.speedup = seconds(first) / seconds(point.wall);
  if (detail::is_disturbed(of)) {
    found.doubt = of.doubt;
    return found;
  }
  fit_amdahl(found);
  fit_usl(found);
  find_end(found, detail::equality(of));
  return found;
}

std::string render_sweep(const scaling& of, std::size_t width) {
  const std::size_t columns = std::max(width, detail::narrowest);
  std::string text = fmt::format("{:>9} {:>9} {:>8}\n", of.shape, "wall s", "speed-up");
  constexpr std::size_t before_bar = 29;
  double most = 1;
  for (const auto& point : of.points) most = std::max(most, point.speedup);
  for (const auto& point : of.points) {
    if (!point.failure.empty()) {
      text += fmt::format("{:>9} {}\n", point.count, detail::printable(point.failure).substr(0, columns - 10));
      continue;
    }
    const auto size = static_cast<std::size_t>(point.speedup / most * static_cast<double>(columns - before_bar));
    text += fmt::format("{:>9} {:>9.3f} {:>8.2f} {}\n", point.count, seconds(point.wall), point.speedup,
                        std::string(std::max<std::size_t>(size, 1), '#'));
  }
  return text + '\n' + detail::wrap(conclusion(of), columns, 0) + '\n';
}

}  // namespace fanout
