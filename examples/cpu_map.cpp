// CPU-bound work: the same function under three shapes. On one thread it takes its time; threads and processes put it
// on every core. An event loop would not help: nothing here waits.
#include <fanout/fanout.hpp>

#include <cstdint>
#include <cstdio>
#include <numeric>
#include <vector>

/// Steps until the Collatz sequence reaches 1, the most over 50,000 starting points.
std::uint32_t longest_collatz(std::uint64_t from) {
  std::uint32_t longest = 0;
  for (std::uint64_t start = from; start < from + 50'000; ++start) {
    std::uint32_t steps = 0;
    for (std::uint64_t n = start; n != 1; n = n % 2 == 0 ? n / 2 : 3 * n + 1) ++steps;
    if (steps > longest) longest = steps;
  }
  return longest;
}

int main(int argc, char** argv) {
  fanout::init(argc, argv);
  std::vector<std::uint64_t> starts(16);
  for (std::size_t i = 0; i < starts.size(); ++i) starts[i] = 1 + 50'000 * i;

  const std::uint32_t cores = fanout::available_cores();
  for (const fanout::shape& shape : {fanout::sync(), fanout::threads(cores), fanout::processes(cores)}) {
    std::uint64_t sum = 0;
    const fanout::report cost =
        fanout::for_each_completed(shape, fanout::remote<longest_collatz>, starts,
                                   [&](fanout::outcome<std::uint32_t> out) { sum += out.value(); });
    std::printf("%-12s %.3f s, %.2f cores used, checksum %llu\n", to_string(shape).c_str(),
                std::chrono::duration<double>(cost.wall).count(), cost.cores_used(),
                static_cast<unsigned long long>(sum));
  }
}
