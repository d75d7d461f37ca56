#pragma once

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

struct comparison;

/// One count of a sweep.
struct sweep_point {
  std::uint32_t count = 1;
  std::chrono::nanoseconds wall{0};  ///< median
  double speedup = 1;                ///< over the first point
  std::string failure;               ///< why there is none; else empty
};

/// What makes a program scale less than perfectly, fitted to the points by least squares. Plain values.
struct scaling {
  std::string shape;  ///< without a count: "threads"
  std::vector<sweep_point> points;

  /// Amdahl's law (AFIPS 1967), speed-up = 1 / (s + (1 - s) / n): the share `s` of the work that is never done in
  /// parallel, 0 to 1. Empty for fewer than two points.
  std::optional<double> serial_share;
  /// The universal scalability law (Gunther, "Guerrilla Capacity Planning", 2007), speed-up =
  /// n / (1 + contention (n - 1) + coherency n (n - 1)). Empty for fewer than three points.
  std::optional<double> contention;
  std::optional<double> coherency;
  /// Where that curve is highest; empty where it only rises.
  std::optional<double> peak;

  /// The first count that is as fast as the fastest within the machine's noise: more than that only costs.
  std::optional<std::uint32_t> stops_paying_at;
};

/// `most` with 1, 2, 4 ... and all of its tasks in flight. Throws `std::invalid_argument` for shapes that do not grow:
/// `sync`, `auto` and PxTxC.
std::vector<shape> sweep_shapes(const shape& most);

/// What the rows of a comparison under `sweep_shapes` say. Failed rows are points without a time.
scaling scaling_of(const comparison& of);

/// The points, with bars, and the conclusion, in at most `width` columns (never fewer than 40).
std::string render_sweep(const scaling& of, std::size_t width = 80);

}  // namespace fanout
