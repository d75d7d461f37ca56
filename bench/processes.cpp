// What worker processes cost: one call there and back, tiny tasks in bulk, large arguments, a start, and computing.
//
//     bench_processes FANOUT [COUNT]     FANOUT is the tool, whose start is measured; COUNT tiny tasks, 10,000,000 by
//     default
//
// One line a figure: name, value, unit. What is compared takes turns, and the best round counts.

#include <fanout/fanout.hpp>

#include "process/channel/build_identity.hpp"
#include "process/channel/progress_page.hpp"
#include "process/channel/wire.hpp"
#include "process/supervisor/spawn.hpp"
#include "process/worker/worker_settings.hpp"

#include <fmt/format.h>

#include <poll.h>
#include <spawn.h>
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

template <class Measure>
double best_of(int rounds, Measure measure) {
  double best = std::numeric_limits<double>::max();
  for (int round = 0; round < rounds; ++round) best = std::min(best, measure());
  return best;
}

// One call ------------------------------------------------------------------------------------------------------------

/// The limit: eight bytes to another process over a socketpair, and back.
class echo_process {
 public:
  echo_process() {
    std::array<int, 2> pair{};
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0, "no socketpair");
    socket_ = pair[0];
    pid_ = fork();
    check(pid_ >= 0, "no process");
    if (pid_ == 0) {
      close(pair[0]);
      std::array<char, 8> bytes{};
      while (read(pair[1], bytes.data(), bytes.size()) == 8)
        if (write(pair[1], bytes.data(), bytes.size()) != 8) break;
      _exit(0);
    }
    close(pair[1]);
  }
  echo_process(const echo_process&) = delete;
  echo_process& operator=(const echo_process&) = delete;
  ~echo_process() {
    close(socket_);
    waitpid(pid_, nullptr, 0);
  }

  double trips(int count) {
    std::array<char, 8> bytes{};
    const auto start = clock_type::now();
    for (int i = 0; i < count; ++i)
      check(write(socket_, bytes.data(), 8) == 8 && read(socket_, bytes.data(), 8) == 8, "the echo ended");
    return seconds_since(start) / count * 1e6;
  }

 private:
  int socket_ = -1;
  pid_t pid_ = -1;
};

template <class Call>
double one_by_one(int count, Call call) {
  for (int i = 0; i < 100; ++i) check(call(i) == i + 1, "a result is wrong");
  const auto start = clock_type::now();
  for (int i = 0; i < count; ++i) check(call(i) == i + 1, "a result is wrong");
  return seconds_since(start) / count * 1e6;
}

void measure_calls(echo_process& echo) {
  constexpr int count = 1'000;
  double raw = std::numeric_limits<double>::max();
  double ours = raw;
  double submitted = raw;
  process_pool pool({.processes = 1});
  for (int round = 0; round < 50; ++round) {
    raw = std::min(raw, echo.trips(count));
    ours = std::min(ours, one_by_one(count, [&](int x) { return pool.call(remote<increment>, x); }));
    submitted = std::min(submitted, one_by_one(count, [&](int x) { return pool.submit(remote<increment>, x).get(); }));
  }
  say("raw socketpair round trip", raw, "us");
  say("one call there and back, process_pool", ours, "us");
  say("the same by submit and get", submitted, "us");
}

// Tiny tasks in bulk --------------------------------------------------------------------------------------------------

template <class Map>
double map_tiny(int count, Map map) {
  const auto start = clock_type::now();
  const std::vector<int> results = map(std::views::iota(0, count));
  const double took = seconds_since(start);
  check(results.size() == static_cast<std::size_t>(count), "results are missing");
  for (int i = 0; i < count; i += 997) check(results[static_cast<std::size_t>(i)] == i + 1, "a result is wrong");
  return took / count * 1e9;
}

// Large arguments -----------------------------------------------------------------------------------------------------

double large_arguments(std::uint32_t processes) {
  constexpr int count = 1'000;
  const std::string megabyte(1U << 20, 'x');
  const auto inputs =
      std::views::iota(0, count) | std::views::transform([&](int) { return std::string_view(megabyte); });
  const auto start = clock_type::now();
  const auto results = map(fanout::processes(processes), remote<length>, inputs);
  const double took = seconds_since(start);
  check(results.size() == count && results.back() == megabyte.size(), "a large argument was lost");
  return -(count * static_cast<double>(megabyte.size()) / took / 1e9);  // the best is the greatest
}

// Starting ------------------------------------------------------------------------------------------------------------

constexpr int starts = 5;

double true_five_times() {
  const auto start = clock_type::now();
  std::array<pid_t, starts> pids{};
  const std::array<const char*, 2> arguments{"/bin/true", nullptr};
  for (pid_t& pid : pids)
    check(posix_spawn(&pid, "/bin/true", nullptr, nullptr, const_cast<char**>(arguments.data()), environ) == 0,
          "/bin/true does not start");
  for (const pid_t pid : pids) waitpid(pid, nullptr, 0);
  return seconds_since(start) * 1e3;
}

/// Five workers of the tool, as a run starts them, until each has said that it is ready.
double five_workers(const char* tool, const std::string& setup) {
  const auto start = clock_type::now();
  std::vector<detail::progress_page> pages;
  std::vector<detail::spawned_worker> workers;
  for (int i = 0; i < starts; ++i) {
    pages.push_back(detail::progress_page::create(1));
    workers.push_back(detail::spawn_worker(pages.back().descriptor(), {.program = tool}));
    check(send(workers.back().socket, setup.data(), setup.size(), MSG_NOSIGNAL) == std::ssize(setup), "no set-up");
  }
  for (const auto& worker : workers) {
    pollfd answered{worker.socket, POLLIN, 0};
    detail::frame_header header;  // of its first frame
    check(poll(&answered, 1, 10'000) == 1 && read(worker.socket, &header, sizeof header) == sizeof header &&
              header.type == detail::frame_type::hello,
          "a worker did not get ready");
  }
  return seconds_since(start) * 1e3;
}

/// What a parent of the same build would say first.
std::string setup_for(const char* tool) {
  detail::hello_frame hello;
  const auto build = detail::build_of(tool);
  check(build.has_value(), "the tool has no build id");
  hello.build = *build;
  std::string bytes;
  detail::frame_writer setup(bytes, detail::frame_type::setup);
  detail::append_raw(bytes, hello);
  detail::append_raw(bytes, detail::setup_frame{});
  detail::worker_settings().encode(bytes);
  setup.close();
  return bytes;
}

void measure_starts(const char* tool) {
  double theirs = std::numeric_limits<double>::max();
  double ours = theirs;
  const std::string setup = setup_for(tool);
  for (int round = 0; round < 40; ++round) {
    theirs = std::min(theirs, true_five_times());
    ours = std::min(ours, five_workers(tool, setup));
  }
  say("five times /bin/true", theirs, "ms");
  say("five workers of the tool, ready", ours, "ms");
}

// Computing -----------------------------------------------------------------------------------------------------------

/// How much of two cores two workers use: the same work on one thread, by twice the time it takes them.
double efficiency() {
  constexpr int count = 300;
  const auto inputs = std::views::iota(std::uint64_t{0}, std::uint64_t{count});
  const auto run_on = [&](const options& how) {
    return [&inputs, how] {
      const auto start = clock_type::now();
      check(map(how, remote<compute>, inputs).size() == count, "results are missing");
      return seconds_since(start);
    };
  };
  double alone = std::numeric_limits<double>::max();
  double shared = alone;
  for (int round = 0; round < 6; ++round) {
    alone = std::min(alone, run_on(fanout::sync())());
    shared = std::min(shared, run_on(processes(2))());
  }
  return alone / (2 * shared);
}

}  // namespace

int main(int argc, char** argv) {
  init(argc, argv);
  check(argc >= 2, "usage: bench_processes FANOUT [COUNT]");
  const int count = argc > 2 ? std::atoi(argv[2]) : 10'000'000;
  {
    echo_process echo;  // before there are threads
    measure_calls(echo);
  }
  for (const std::uint32_t processes : {1U, 2U}) {
    const auto run_alone = [&](auto inputs) { return map(fanout::processes(processes), remote<increment>, inputs); };
    say(fmt::format("map of a trivial function, processes:{}", processes),
        best_of(3, [&] { return map_tiny(count, run_alone); }), "ns");
  }
  {
    process_pool pool({.processes = 2});
    const auto on_pool = [&](auto inputs) { return pool.map(remote<increment>, inputs); };
    say("map of a trivial function, process_pool of 2", best_of(3, [&] { return map_tiny(count / 10, on_pool); }),
        "ns");
  }
  for (const std::uint32_t processes : {1U, 2U})
    say(fmt::format("arguments of 1 MiB, processes:{}", processes),
        -best_of(3, [&] { return large_arguments(processes); }), "GB/s");
  measure_starts(argv[1]);
  say("computing, processes:2, of two cores", efficiency(), "");
}
