// Workers that die while they are started, spoken to, checked out by a caller and checked in: one at each system call
// that their parent makes, and many at any age. Each input has exactly one outcome and the right one, nothing hangs,
// and nothing is left behind. With FANOUT_TEST_WHOLE_STORM in the environment each call has its turn, and 5,000 workers
// die over a million tasks.

#include <fanout/fanout.hpp>

#include "support/leaks.hpp"
#include "support/run_to_end.hpp"
#include "support/sanitized.hpp"
#include "support/shared_page.hpp"
#include "support/worker_deaths.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <ranges>
#include <string>
#include <thread>
#include <vector>

namespace deaths {

using namespace fanout;
using namespace std::chrono_literals;
using test::death_at_call;
using test::deaths_at_any_age;
using test::moment;
using test::victim;

const bool whole = std::getenv("FANOUT_TEST_WHOLE_STORM") != nullptr;

int twice(int x) {
  return 2 * x;
}
task<int> twice_async(int x) {
  co_return 2 * x;
}
int twice_or_die(int x) {
  if (x == 3) kill(getpid(), SIGKILL);
  return 2 * x;
}
int twice_after_a_moment(int x) {
  const auto until = std::chrono::steady_clock::now() + 20us;
  while (std::chrono::steady_clock::now() < until) {
  }
  return 2 * x;
}
std::size_t length(const std::string& text) {
  return text.size();
}

/// Books outcomes of `twice`, from one thread at a time.
class ledger {
 public:
  explicit ledger(std::size_t count) : seen_(count) {}

  void book(const outcome<int>& out) {
    ++seen_.at(out.index);
    if (out.ok()) {
      EXPECT_EQ(out.value(), 2 * static_cast<int>(out.index));
      return;
    }
    failed_.push_back(out.index);
    EXPECT_EQ(out.error().kind, failure_kind::worker_died) << out.error().message;
    EXPECT_NE(out.error().message, "");
  }
  void check(std::size_t most_failed) const {
    EXPECT_THAT(seen_, testing::Each(1)) << "an outcome was lost, or came twice";
    EXPECT_LE(failed_.size(), most_failed);
  }
  const std::vector<std::uint64_t>& failed() const { return failed_; }

 private:
  std::vector<int> seen_;
  std::vector<std::uint64_t> failed_;
};

// One death, at each call ---------------------------------------------------------------------------------------------

constexpr int few = 12;

template <auto Function>
void run_of(const shape& ran, std::uint32_t retries, std::size_t most_failed) {
  options how(ran);
  how.on_error = on_error::collect;
  how.workers.retries = retries;
  ledger book(few);
  const report cost =
      run(how, remote<Function>, std::views::iota(0, few), [&](const outcome<int>& out) { book.book(out); });
  book.check(most_failed);
  EXPECT_EQ(cost.tasks, static_cast<std::uint64_t>(few));
  EXPECT_EQ(cost.failures, book.failed().size());
}

void plain_run() {
  run_of<twice>(processes(2), 0, 1);
}
void run_with_retries() {
  run_of<twice>(processes(2), 1, 0);
}
/// One task kills each worker that gets it; the death that the test adds may cost another task a try, and no more.
void run_with_a_killer() {
  run_of<twice_or_die>(processes(2), 2, 1);
}
void run_of_coroutines() {
  run_of<twice_async>(grid(2, 2, 2), 0, 4);
}
void map_with_retries() {
  options how(processes(2));
  how.workers.retries = 1;
  std::vector<int> expected(few);
  std::ranges::generate(expected, [x = 0]() mutable { return 2 * x++; });
  EXPECT_EQ(map(how, remote<twice>, std::views::iota(0, few)), expected);
}
void large_inputs() {
  options how(processes(2));
  how.workers.retries = 1;
  EXPECT_THAT(map(how, remote<length>, std::vector<std::string>(4, std::string(400'000, 'x'))),
              testing::ElementsAre(400'000u, 400'000u, 400'000u, 400'000u));
}
void pool_of_two() {
  process_pool pool({.processes = 2});
  std::vector<process_future<int>> all;
  for (int x = 0; x < few; ++x) all.push_back(pool.submit(remote<twice>, x));
  int died = 0;
  for (int x = 0; x < few; ++x) try {
      EXPECT_EQ(all[static_cast<std::size_t>(x)].get(), 2 * x);
    } catch (const error& thrown) {
      EXPECT_EQ(thrown.kind(), failure_kind::worker_died) << thrown.what();
      ++died;
    }
  ledger book(few);
  options how;
  how.on_error = on_error::collect;
  pool.for_each_completed(
      remote<twice>, std::views::iota(0, few), [&](const outcome<int>& out) { book.book(out); }, how);
  book.check(1);
  EXPECT_LE(died + static_cast<int>(book.failed().size()), 1);
  pool.close();
}
/// So many that callers check workers out.
void calls_of_two_threads() {
  process_pool pool({.processes = 2});
  std::atomic<int> died = 0;
  {
    std::vector<std::jthread> callers;
    for (int caller = 0; caller < 2; ++caller)
      callers.emplace_back([&] {
        for (int x = 0; x < 25; ++x) try {
            EXPECT_EQ(pool.call(remote<twice>, x), 2 * x);
          } catch (const error& thrown) {
            EXPECT_EQ(thrown.kind(), failure_kind::worker_died) << thrown.what();
            ++died;
          }
      });
  }
  EXPECT_LE(died, 1);
}
void calls_to_processes() {
  for (int x = 0; x < 2; ++x) try {
      EXPECT_EQ(test::run_to_end(to_process(remote<twice>, x)), 2 * x);
    } catch (const error& thrown) {
      EXPECT_EQ(thrown.kind(), failure_kind::worker_died) << thrown.what();
    }
  try {
    EXPECT_EQ(test::run_to_end(to_process(remote<length>, std::string(4'000'000, 'x'))), 4'000'000u);
  } catch (const error& thrown) {
    EXPECT_EQ(thrown.kind(), failure_kind::worker_died) << thrown.what();
  }
}
void in_order() {
  options how(processes(2));
  how.workers.retries = 1;
  std::vector<int> seen;
  for_each_in_order(how, remote<twice>, std::views::iota(0, few),
                    [&](const outcome<int>& out) { seen.push_back(out.value()); });
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(few));
  EXPECT_TRUE(std::ranges::is_sorted(seen));
}

struct scenario {
  const char* name;
  void (*take)();
};
void PrintTo(const scenario& of, std::ostream* out) {
  *out << of.name;
}

class a_death_at_any_call : public test::leak_checked, public testing::WithParamInterface<scenario> {};

INSTANTIATE_TEST_SUITE_P(of, a_death_at_any_call,
                         testing::Values(scenario{"run", plain_run}, scenario{"run_with_retries", run_with_retries},
                                         scenario{"run_with_a_killer", run_with_a_killer},
                                         scenario{"run_of_coroutines", run_of_coroutines},
                                         scenario{"map_with_retries", map_with_retries},
                                         scenario{"large_inputs", large_inputs}, scenario{"pool", pool_of_two},
                                         scenario{"calls", calls_of_two_threads},
                                         scenario{"to_process", calls_to_processes}, scenario{"in_order", in_order}),
                         [](const auto& each) { return each.param.name; });

/// Which calls have their turn: in the short form some of them, others for each way to die.
struct turns {
  moment when;
  victim who;
  int stride;
  int first;
};

TEST_P(a_death_at_any_call, costs_no_outcome) {
  const int coarse = test::address_sanitized ? 6 : 1;
  const int rare = test::thread_sanitized ? 5 : 23;  // there are fewer calls then
  std::vector<turns> all{{moment::after, victim::youngest, test::thread_sanitized ? 1 : 5 * coarse, 0},
                         {moment::before, victim::youngest, rare * coarse, 3},
                         {moment::after, victim::oldest, rare * coarse, 7},
                         {moment::before, victim::oldest, rare * coarse, 11}};
  int deaths = 0;
  for (const turns& each : all)
    for (int call = whole ? 0 : each.first;; call += whole ? 1 : each.stride) {
      SCOPED_TRACE(testing::Message() << "call " << call << (each.when == moment::before ? ", before" : ", after")
                                      << (each.who == victim::youngest ? ", the youngest" : ", the oldest"));
      const death_at_call death(call, each.when, each.who);
      GetParam().take();
      ASSERT_FALSE(HasFailure());
      deaths += death.happened() ? 1 : 0;
      if (death.calls() <= call) break;
    }
  EXPECT_GE(deaths, test::sanitized ? 2 : 5);
}

/// The first, second ... worker is dead before its parent has seen it at all, and so is the next to take its place.
TEST_P(a_death_at_any_call, of_the_nth_worker_that_is_started_costs_none) {
  int hit = 0;
  for (; hit < (whole ? 1'000 : 4); ++hit) {
    const test::death_at_start death(hit);
    GetParam().take();
    ASSERT_FALSE(HasFailure()) << "start " << hit;
    if (death.starts() <= hit) break;
  }
  EXPECT_GE(hit, 2);
}

// Many deaths, at any age ---------------------------------------------------------------------------------------------

struct storm_of {
  const char* name;
  std::uint32_t retries;
  bool killers;  ///< some tasks kill their workers, too
};
void PrintTo(const storm_of& of, std::ostream* out) {
  *out << of.name;
}

class deaths_at_every_age : public test::leak_checked, public testing::WithParamInterface<storm_of> {
 protected:
  static int part() { return whole ? 1 : test::sanitized ? 100 : 20; }
  /// Of each test of these.
  static int enough() { return std::max(5'000 / 12 / part(), 5); }
  /// Of a pool all workers die sooner or later: those that lived on would keep the others from being started.
  /// The oldest is some times as old as a worker is when it has its first result.
  static deaths_at_any_age::settings how(unsigned seed, double share = 1) {
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(map(processes(3), remote<twice>, std::views::iota(0, 3)).size(), 3u);
    const auto start = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun);
    return {.seed = seed, .share = share, .oldest = 4 * start, .most = enough()};
  }
};

INSTANTIATE_TEST_SUITE_P(with, deaths_at_every_age,
                         testing::Values(storm_of{"no_retries", 0, false}, storm_of{"one_retry", 1, false},
                                         storm_of{"two_retries", 2, false},
                                         storm_of{"two_retries_and_killers", 2, true}),
                         [](const auto& each) { return each.param.name; });

int twice_or_die_at_33(int x) {
  if (x == 33) kill(getpid(), SIGKILL);
  return 2 * x;
}
int twice_slowly_or_die(int x) {
  if (x % 1000 == 999) kill(getpid(), SIGKILL);
  return twice_after_a_moment(x);
}

/// As many runs as it takes for `enough` workers to have died, over at least so many tasks.
TEST_P(deaths_at_every_age, of_runs_cost_no_outcome) {
  const int tasks = 4'000;
  const int least = 1'000'000 / 12 / part();
  const deaths_at_any_age storm(how(11, 0.6));
  for (int done = 0; done < least || storm.deaths() < enough(); done += tasks) {
    options ran(processes(3));
    ran.on_error = on_error::collect;
    ran.workers.retries = GetParam().retries;
    ledger book(tasks);
    const auto sink = [&](const outcome<int>& out) { book.book(out); };
    const report cost = GetParam().killers ? run(ran, remote<twice_slowly_or_die>, std::views::iota(0, tasks), sink)
                                           : run(ran, remote<twice_after_a_moment>, std::views::iota(0, tasks), sink);
    book.check(tasks);
    EXPECT_EQ(cost.tasks, static_cast<std::uint64_t>(tasks));
    EXPECT_EQ(cost.failures, book.failed().size());
    ASSERT_FALSE(HasFailure());
  }
}

TEST_P(deaths_at_every_age, of_a_pool_cost_no_outcome) {
  const int tasks = 500;
  const int least = 1'000'000 / 12 / part();
  const deaths_at_any_age storm(how(12));
  process_pool pool({.processes = 3, .workers = {.retries = GetParam().retries}});
  options collect;
  collect.on_error = on_error::collect;
  std::atomic<int> done = 0;
  std::vector<std::jthread> clients;
  for (int client = 0; client < 4; ++client)
    clients.emplace_back([&, client] {
      while (done < least || storm.deaths() < enough()) {
        ledger book(tasks);
        if (client == 0) {
          pool.for_each_completed(
              remote<twice_after_a_moment>, std::views::iota(0, tasks),
              [&](const outcome<int>& out) { book.book(out); }, collect);
        } else {
          std::vector<process_future<int>> all;
          for (int x = 0; x < tasks; ++x)
            all.push_back(GetParam().killers ? pool.submit(remote<twice_slowly_or_die>, x)
                                             : pool.submit(remote<twice_after_a_moment>, x));
          for (int x = 0; x < tasks; ++x) {
            outcome<int> out;
            out.index = static_cast<std::uint64_t>(x);
            try {
              detail::outcome_access::succeed(out, all[static_cast<std::size_t>(x)].get());
            } catch (const error& thrown) {
              detail::outcome_access::fail(out, thrown.failure());
            }
            book.book(out);
          }
        }
        book.check(tasks);
        done += tasks;
        if (HasFailure()) return;
      }
    });
}

TEST_P(deaths_at_every_age, of_calls_cost_no_outcome) {
  const int least = 1'000'000 / 12 / part();
  const deaths_at_any_age storm(how(13));
  process_pool pool({.processes = 3, .workers = {.retries = GetParam().retries}});
  std::atomic<int> done = 0;
  std::atomic<int> died = 0;
  std::vector<std::jthread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      while (done < least || storm.deaths() < enough()) {
        for (int x = 0; x < 100; ++x) try {
            EXPECT_EQ(GetParam().killers ? pool.call(remote<twice_or_die_at_33>, x) : pool.call(remote<twice>, x),
                      2 * x);
          } catch (const error& thrown) {
            EXPECT_EQ(thrown.kind(), failure_kind::worker_died) << thrown.what();
            ++died;
          }
        done += 100;
        if (HasFailure()) return;
      }
    });
  callers.clear();
  if (GetParam().retries == 0) {
    EXPECT_LE(died, storm.deaths()) << "a worker that dies has one call under way";
  }
}

// Pools that end while calls are made
// -----------------------------------------------------------------------------------

class an_end_among_calls : public test::leak_checked {};

/// Now and then it takes longer than a caller is patient, so lines are given back as well.
int twice_or_later(int x) {
  if (x % 64 == 63) std::this_thread::sleep_for(7ms);
  return 2 * x;
}

/// Callers until the pool is no more; each knows then.
void end_a_pool_among_calls(const std::function<void(process_pool&)>& finish, std::chrono::microseconds after) {
  process_pool pool({.processes = 2});
  std::atomic<int> made = 0;
  std::vector<std::jthread> callers;
  for (int caller = 0; caller < 3; ++caller)
    callers.emplace_back([&] {
      for (int x = 0;; x = (x + 1) % 1000) try {
          EXPECT_EQ(pool.call(remote<twice_or_later>, x), 2 * x);
          ++made;
        } catch (const error& thrown) {
          if (thrown.kind() == failure_kind::worker_died) continue;
          EXPECT_THAT(thrown.kind(), testing::AnyOf(failure_kind::cancelled, failure_kind::refused_by_policy))
              << thrown.what();
          return;
        }
    });
  while (made < 40) std::this_thread::yield();
  std::this_thread::sleep_for(after);
  finish(pool);
}

TEST_F(an_end_among_calls, is_told_to_every_caller) {
  const int rounds = whole ? 300 : 20;
  for (int round = 0; round < rounds; ++round) {
    const std::chrono::microseconds after(round * 37 % 3000);
    end_a_pool_among_calls([](process_pool& pool) { pool.kill(); }, after);
    end_a_pool_among_calls([](process_pool& pool) { pool.stop(); }, after);
    end_a_pool_among_calls([](process_pool& pool) { pool.close(); }, after);
  }
}

/// A worker is killed, and the pool right after it.
TEST_F(an_end_among_calls, comes_with_a_workers_death_too) {
  const int rounds = whole ? 300 : 30;
  for (int round = 0; round < rounds; ++round)
    end_a_pool_among_calls(
        [&](process_pool& pool) {
          for (const int child : test::children()) {
            kill(child, SIGKILL);
            if (round % 2 == 0) break;
          }
          if (round % 3 == 0) std::this_thread::yield();
          pool.kill();
        },
        std::chrono::microseconds(round * 53 % 2000));
}

}  // namespace deaths
