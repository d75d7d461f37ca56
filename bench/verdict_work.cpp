// A comparison of tasks that are described on the command line, for the figures of verdicts.
//
//     bench_verdict_work SHAPES TASKS...     e.g. sync,threads:2 8xc25 1xc500
//
// "20xw100+c2" is 20 tasks that wait for 100 ms, then compute for 2 ms; l computes under the lock of the process, m
// copies memory. Prints the JSON of fanout compare.

#include <fanout/async/sleep.hpp>
#include <fanout/compare/compare.hpp>
#include <fanout/compare/workloads.hpp>
#include <fanout/fanout.hpp>

#include "compare/workloads/sieve.hpp"

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

// Not in an unnamed namespace: a worker process finds the task by its name.
namespace verdict_work {

struct phase {
  char what = 'c';
  std::uint64_t amount = 0;  ///< w: nanoseconds; c, l: the limit of the sieve; m: passes over the block

  template <class Archive>
  void serialize(Archive& archive) {
    archive(what, amount);
  }
};

constexpr std::size_t block_bytes = 32 << 20;

std::uint64_t copy_block(std::uint64_t passes) {
  thread_local std::vector<char> block(2 * block_bytes, 1);
  std::uint64_t sum = 0;
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    block[pass % block_bytes] = static_cast<char>(pass);  // no pass can be left out
    std::memcpy(&block[block_bytes], block.data(), block_bytes);
    sum += static_cast<unsigned char>(block[block_bytes + pass % block_bytes]);
  }
  return sum;
}

fanout::task<std::uint64_t> perform(std::vector<phase> phases) {
  static std::mutex lock;
  std::uint64_t done = 0;
  for (const phase& each : phases) {
    if (each.what == 'w') {
      auto waiting = fanout::sleep(std::chrono::nanoseconds(each.amount));
      co_await std::move(waiting);
    } else if (each.what == 'm') {
      done += copy_block(each.amount);
    } else if (each.what == 'l') {
      const std::lock_guard held(lock);
      done += fanout::detail::count_primes_verified(each.amount);
    } else {
      done += fanout::detail::count_primes_verified(each.amount);
    }
  }
  co_return done;
}

}  // namespace verdict_work

namespace {

using verdict_work::phase;

/// Reads tasks. How much is computed in a given time is measured once for each time, by the CPU clock.
class task_reader {
 public:
  /// "20xw100+c2"
  void read(std::string_view text, std::vector<std::vector<phase>>& into) {
    const auto times = text.find('x');
    if (times == text.npos) throw std::invalid_argument("tasks are written as 20xw100+c2");
    const auto count = static_cast<std::size_t>(number(text.substr(0, times)));
    text.remove_prefix(times + 1);
    std::vector<phase> phases;
    while (!text.empty()) {
      const auto end = std::min(text.find('+'), text.size());
      phases.push_back(phase_of(text.front(), number(text.substr(1, end - 1))));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    into.insert(into.end(), count, phases);
  }

 private:
  static double number(std::string_view text) {
    double value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc{} || end != text.data() + text.size()) throw std::invalid_argument("not a number");
    return value;
  }

  phase phase_of(char what, double ms) {
    const std::chrono::nanoseconds time(static_cast<std::int64_t>(ms * 1e6));
    if (what == 'w') return {what, static_cast<std::uint64_t>(time.count())};
    if (what == 'm') return {what, fanout::workloads::calibrate_memory(verdict_work::block_bytes, time)};
    if (what != 'c' && what != 'l') throw std::invalid_argument("a phase is w, c, l or m");
    auto [limit, is_new] = limits_.try_emplace(time.count());
    if (is_new) limit->second = fanout::workloads::calibrate_cpu(time);
    return {what, limit->second};
  }

  std::map<std::int64_t, std::uint64_t> limits_;
};

}  // namespace

int main(int argc, char** argv) {
  fanout::init(argc, argv);
  if (argc < 3) {
    std::fputs("usage: bench_verdict_work SHAPES TASKS...\n", stderr);
    return 2;
  }
  try {
    std::vector<fanout::shape> shapes;
    for (std::string_view list = argv[1]; !list.empty();) {
      const auto end = std::min(list.find(','), list.size());
      shapes.push_back(fanout::parse_shape(list.substr(0, end)));
      list.remove_prefix(std::min(end + 1, list.size()));
    }
    std::vector<std::vector<phase>> tasks;
    task_reader reader;
    for (int i = 2; i < argc; ++i) reader.read(argv[i], tasks);
    const auto found = fanout::compare(fanout::remote<verdict_work::perform>, tasks, shapes);
    std::puts(fanout::to_json({found}).c_str());
    return found.ok() ? 0 : 1;
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "bench_verdict_work: %s\n", failed.what());
    return 2;
  }
}
