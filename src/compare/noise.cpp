#include "compare/noise.hpp"

#include <fanout/core/shape.hpp>
#include <fanout/core/usage.hpp>

#include "compare/sieve.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <numeric>
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

struct all_at_once {
  double cpu_each = 0;  ///< seconds, on average
  double cores = 0;
};

/// A piece on each of `lanes` threads.
all_at_once beside_others(std::uint32_t lanes) {
  std::vector<double> each(lanes);
  const auto before = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (std::uint32_t i = 1; i < lanes; ++i) threads.emplace_back([&each, i] { each[i] = cpu_of_piece(); });
    each[0] = cpu_of_piece();
  }
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
  const double sum = std::accumulate(each.begin(), each.end(), 0.0);
  return {sum / lanes, sum / wall};
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

full_cores measure_full_cores() {
  double alone = std::numeric_limits<double>::max();
  double beside = alone;
  double cores = 0;
  for (int turn = 0; turn < attempts; ++turn) {
    alone = std::min(alone, cpu_of_piece());
    const all_at_once all = beside_others(available_cores());
    beside = std::min(beside, all.cpu_each);
    cores = std::max(cores, all.cores);
  }
  return {std::max(beside / alone, 1.0), std::clamp(cores, 1.0, static_cast<double>(available_cores()))};
}

}  // namespace fanout::detail
