#include "compare/measuring/noise.hpp"

#include <fanout/core/detail/usage.hpp>
#include <fanout/core/shape.hpp>

#include "compare/workloads/sieve.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>

namespace fanout::detail {
namespace {

constexpr std::uint64_t piece = 10'000'000;
constexpr int attempts = 3;
constexpr int most_attempts = 12;  ///< where threads did not have all cores
constexpr double nearly = 0.9;     ///< all of them
constexpr std::chrono::milliseconds span{25};

/// CPU seconds of one piece.
double cpu_of_piece() {
  const auto before = thread_cpu();
  count_primes_verified(piece);
  return std::chrono::duration<double>(thread_cpu() - before).count();
}

struct all_at_once {
  double cpu_piece = 0;  ///< seconds, on average
  double cores = 0;
};

/// On each of `lanes` threads, pieces for `span`: the system takes some milliseconds to see that a thread just started
/// would rather have a core that is free than the one it was started on.
all_at_once beside_others(std::uint32_t lanes) {
  struct lane {
    double cpu = 0;
    int pieces = 0;
  };
  std::vector<lane> each(lanes);
  const auto before = std::chrono::steady_clock::now();
  const auto compute = [before](lane& own) {
    do {
      own.cpu += cpu_of_piece();
      ++own.pieces;
    } while (std::chrono::steady_clock::now() - before < span);
  };
  {
    std::vector<std::jthread> threads;
    for (std::uint32_t i = 1; i < lanes; ++i) threads.emplace_back([&each, &compute, i] { compute(each[i]); });
    compute(each[0]);
  }
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
  double cpu = 0;
  int pieces = 0;
  for (const lane& one : each) {
    cpu += one.cpu;
    pieces += one.pieces;
  }
  return {cpu / pieces, cpu / wall};
}

}  // namespace

void noise_meter::sample() {
  const auto before = std::chrono::steady_clock::now();
  count_primes_verified(piece);
  add(std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count());
}

double noise_meter::spread() const {
  if (seconds_.size() < 2) return 0;
  std::vector<double> sorted = seconds_;
  std::ranges::sort(sorted);
  const auto at = [&](std::size_t per_cent) { return sorted[(sorted.size() - 1) * per_cent / 100]; };
  return (at(90) - at(10)) / 2 / at(50);
}

full_cores measure_full_cores() {
  const std::uint32_t lanes = available_cores();
  double alone = std::numeric_limits<double>::max();
  double beside = alone;
  double cores = 0;
  for (int turn = 0; turn < attempts || (turn < most_attempts && cores < nearly * lanes); ++turn) {
    alone = std::min(alone, cpu_of_piece());
    const all_at_once all = beside_others(lanes);
    beside = std::min(beside, all.cpu_piece);
    cores = std::max(cores, all.cores);
  }
  return {std::max(beside / alone, 1.0), std::clamp(cores, 1.0, static_cast<double>(lanes))};
}

}  // namespace fanout::detail
