#include "compare/noise.hpp"

#include <fanout/core/shape.hpp>
#include <fanout/core/usage.hpp>

#include "compare/sieve.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>

namespace fanout::detail {
namespace {

constexpr std::uint64_t piece = 10'000'000;
constexpr int attempts = 3;

/// CPU seconds of one piece.
double cpu_of_piece() {
  const auto before = thread_cpu();
  count_primes_verified(piece);
  return std::chrono::duration<double>(thread_cpu() - before).count();
}

/// CPU seconds of one piece, on average, while each of `lanes` threads counts one.
double cpu_beside_others(std::uint32_t lanes) {
  std::vector<double> each(lanes);
  {
    std::vector<std::jthread> threads;
    for (std::uint32_t i = 1; i < lanes; ++i) threads.emplace_back([&each, i] { each[i] = cpu_of_piece(); });
    each[0] = cpu_of_piece();
  }
  double sum = 0;
  for (const double one : each) sum += one;
  return sum / lanes;
}

}  // namespace

void noise_meter::sample() {
  const auto before = std::chrono::steady_clock::now();
  count_primes_verified(piece);
  seconds_.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count());
}

double noise_meter::spread() const {
  if (seconds_.size() < 2) return 0;
  std::vector<double> sorted = seconds_;
  std::ranges::sort(sorted);
  const auto at = [&](std::size_t per_cent) { return sorted[(sorted.size() - 1) * per_cent / 100]; };
  return (at(90) - at(10)) / 2 / at(50);
}

double price_of_full_cores() {
  double alone = std::numeric_limits<double>::max();
  double beside = alone;
  for (int turn = 0; turn < attempts; ++turn) {
    alone = std::min(alone, cpu_of_piece());
    beside = std::min(beside, cpu_beside_others(available_cores()));
  }
  return std::max(beside / alone, 1.0);
}

}  // namespace fanout::detail
