// What worker processes cost: one call there and back, tiny tasks in bulk, large arguments, a start, and computing.
//
//     bench_processes FANOUT [COUNT]     FANOUT is the tool, whose start is measured; COUNT tiny tasks, 10,000,000 by
//     default
//
// One line a figure: name, value, unit. What is compared takes turns, and the best round counts.

#include <fanout/fanout.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace fanout;
using clock_type = std::chrono::steady_clock;

double seconds_since(clock_type::time_point start) {
  return std::chrono::duration<double>(clock_type::now() - start).count();
}

void check(bool right, std::string_view what) {
  if (right) return;
  fmt::print(stderr, "bench_processes: {}\n", what);
  std::exit(1);
}

void say(std::string_view name, double value, std::string_view unit) {
  fmt::print("{:<52} {:>12.3f} {}\n", name, value, unit);
  std::fflush(stdout);
}

int increment(int x) {
  return x + 1;
}

std::size_t length(std::string_view bytes) {
  return bytes.size();
}

/// Some milliseconds of arithmetic that no compiler can leave out.
std::uint64_t compute(std::uint64_t seed) {
  for (int i = 0; i < 4'000'000; ++i) seed = seed * 6364136223846793005U + 1442695040888963407U;
  return seed;
}

// Tiny tasks in bulk --------------------------------------------------------------------------------------------------

double map_tiny(std::uint32_t processes, int count) {
  const auto start = clock_type::now();
  const auto results = map(fanout::processes(processes), remote<increment>, std::views::iota(0, count));
  const double took = seconds_since(start);
  check(results.size() == static_cast<std::size_t>(count), "results are missing");
  for (int i = 0; i < count; i += 997) check(results[static_cast<std::size_t>(i)] == i + 1, "a result is wrong");
  return took / count * 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  init(argc, argv);
  check(argc >= 2, "usage: bench_processes FANOUT [COUNT]");
  const int count = argc > 2 ? std::atoi(argv[2]) : 10'000'000;
  for (const std::uint32_t processes : {1U, 2U}) {
    double best = std::numeric_limits<double>::max();
    for (int round = 0; round < 3; ++round) best = std::min(best, map_tiny(processes, count));
    say(fmt::format("map of a trivial function, processes:{}", processes), best, "ns");
  }
}
