// Many faults, of every kind, while many tasks are under way: each input has exactly one outcome, nothing hangs and
// nothing is left behind. With FANOUT_TEST_WHOLE_STORM in the environment it is 1,000 faults over 100,000 tasks, else a
// twentieth, and with a sanitizer a fortieth of that.

#include <fanout/fanout.hpp>

#include "support/leaks.hpp"
#include "support/sanitized.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <random>
#include <ranges>
#include <string>
#include <thread>
#include <vector>

namespace storms {

using namespace fanout;
using namespace std::chrono_literals;

const bool whole = std::getenv("FANOUT_TEST_WHOLE_STORM") != nullptr;
const int part = whole ? 1 : test::sanitized ? 40 : 20;
const int tasks = 100'000 / part;
const int faults = 1'000 / part;

enum class fate { lives, killed, crashes, stops, exits, exhausts_memory };

/// The same for every run: which tasks are hit, and by what.
std::vector<fate> make_fates() {
  std::mt19937 random(20'261'125);
  std::vector<fate> all(static_cast<std::size_t>(tasks), fate::lives);
  for (int hit = 0; hit < faults;) {
    fate& one = all[random() % all.size()];
    if (one != fate::lives) continue;
    one = static_cast<fate>(1 + hit % 5);
    // Each stop costs its time limit.
    if (one == fate::stops && hit % 4 != 0) one = fate::killed;
    ++hit;
  }
  return all;
}

const std::vector<fate>& fates() {
  static const std::vector<fate> all = make_fates();
  return all;
}

void exhaust_memory() noexcept {
  std::vector<std::string> all;
  for (;;) all.emplace_back(64 << 20, 'x');
}

int meet_fate(int x) {
  switch (fates()[static_cast<std::size_t>(x)]) {
    case fate::lives:
      return x + 1;
    case fate::killed:
      break;
    case fate::stops:
      raise(SIGSTOP);
      return x + 1;
    case fate::exits:
      _exit(3);
    case fate::crashes:
      signal(SIGSEGV, SIG_DFL);  // a sanitizer would make an exit of it
      raise(SIGSEGV);
      break;
    case fate::exhausts_memory:
      if (!test::sanitized) exhaust_memory();  // there is no cap for them
  }
  kill(getpid(), SIGKILL);
  return 0;
}

std::size_t mapped_memory_files() {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) count += line.find("/memfd:") != std::string::npos;
  return count;
}

worker_options in_a_storm() {
  worker_options how;
  how.memory_bytes = test::sanitized ? 0 : 256 << 20;
  how.output = worker_output::discard;  // of std::terminate
  return how;
}

/// Books outcomes, from one thread at a time.
class ledger {
 public:
  explicit ledger(int first, int count) : first_(first), seen_(static_cast<std::size_t>(count)) {}

  void book(const outcome<int>& out) {
    ++seen_.at(out.index);
    const int x = first_ + static_cast<int>(out.index);
    if (out.ok()) {
      EXPECT_EQ(out.value(), x + 1);
      return;
    }
    ++failed_;
    const auto kind = out.error().kind;
    EXPECT_TRUE(kind == failure_kind::worker_died || kind == failure_kind::timeout) << out.error().message;
  }
  void check() const { EXPECT_THAT(seen_, testing::Each(1)); }
  int failed() const { return failed_; }

 private:
  int first_;
  std::vector<int> seen_;
  int failed_ = 0;
};

class storm : public test::leak_checked {
 protected:
  storm() {
    getrlimit(RLIMIT_CORE, &core_before_);
    const rlimit none{0, core_before_.rlim_max};
    setrlimit(RLIMIT_CORE, &none);
  }
  ~storm() override { setrlimit(RLIMIT_CORE, &core_before_); }
  rlimit core_before_{};
  std::size_t mapped_before_ = mapped_memory_files();
};

TEST_F(storm, of_deaths_under_way) {
  options how(grid(3, 1, 1));
  how.on_error = on_error::collect;
  how.task_timeout = 250ms;
  how.workers = in_a_storm();
  ledger book(0, tasks);
  const report cost =
      run(how, remote<meet_fate>, std::views::iota(0, tasks), [&](const outcome<int>& out) { book.book(out); });
  book.check();
  EXPECT_EQ(cost.tasks, static_cast<std::uint64_t>(tasks));
  EXPECT_GE(book.failed(), faults);
  EXPECT_GE(cost.restarts, static_cast<std::uint32_t>(faults));
  EXPECT_EQ(mapped_memory_files(), mapped_before_) << "a memory file is still mapped";
}

TEST_F(storm, of_deaths_with_20_threads_submitting) {
  std::atomic<int> failed = 0;
  {
    process_pool pool({.processes = 3, .task_timeout = 250ms, .workers = in_a_storm()});
    options how;
    how.on_error = on_error::collect;
    std::vector<std::jthread> callers;
    const int share = tasks / 20;
    for (int caller = 0; caller < 20; ++caller)
      callers.emplace_back([&, first = caller * share] {
        ledger book(first, share);
        if (first % 40 == 0) {
          pool.for_each_completed(
              remote<meet_fate>, std::views::iota(first, first + share),
              [&](const outcome<int>& out) { book.book(out); }, how);
        } else {
          std::vector<process_future<int>> all;
          for (int x = first; x < first + share; ++x) all.push_back(pool.submit(remote<meet_fate>, x));
          for (int i = 0; i < share; ++i) {
            outcome<int> out;
            out.index = static_cast<std::uint64_t>(i);
            try {
              detail::outcome_access::succeed(out, all[static_cast<std::size_t>(i)].get());
            } catch (const error& thrown) {
              detail::outcome_access::fail(out, thrown.failure());
            }
            book.book(out);
          }
        }
        book.check();
        failed += book.failed();
      });
    callers.clear();
    EXPECT_GE(pool.report().restarts, static_cast<std::uint32_t>(faults));
  }
  EXPECT_GE(failed, faults);
  EXPECT_EQ(mapped_memory_files(), mapped_before_) << "a memory file is still mapped";
}

int short_task(int x) {
  const auto until = std::chrono::steady_clock::now() + 100us;
  while (std::chrono::steady_clock::now() < until) {
  }
  return x + 1;
}

// The sink runs on the thread that reaps workers, so a child that is listed is still this one. Between two shots some
// task begins and ends: workers that die one after another before they begin one end the run, and the results of many
// tasks come at once.
TEST_F(storm, of_signals_at_any_moment) {
  options how(grid(3, 1, 1));
  how.on_error = on_error::collect;
  how.task_timeout = 250ms;
  how.workers.start_timeout = test::sanitized ? 20s : 5s;  // what a worker costs that is stopped before it is ready
  std::mt19937 random(7);
  auto last_shot = std::chrono::steady_clock::now();
  int shots = 0;
  const int most_shots = faults / 5;
  const int count = whole ? 20'000 : 4'000;
  ledger book(0, count);
  run(how, remote<short_task>, std::views::iota(0, count), [&](const outcome<int>& out) {
    book.book(out);
    if (shots == most_shots || !out.ok() || out.started < last_shot || random() % 3 != 0) return;
    const auto targets = test::children();
    if (targets.empty()) return;
    auto target = targets.begin();
    std::advance(target, random() % targets.size());
    kill(*target, ++shots % 40 == 3 ? SIGSTOP : shots % 2 == 0 ? SIGKILL : SIGTERM);
    last_shot = std::chrono::steady_clock::now();
  });
  book.check();
  EXPECT_EQ(shots, most_shots);
}

}  // namespace storms
