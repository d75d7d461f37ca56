// What can be asked for of worker processes, seen from inside and outside.

#include <fanout/fanout.hpp>

#include "support/leaks.hpp"
#include "support/sanitized.hpp"
#include "support/shared_page.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

namespace worker_settings_tests {

using namespace fanout;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

/// In a worker whose environment says so, before main: the first so many stop.
const bool stopped_early = [] {
  if (const char* const page = std::getenv("FANOUT_TEST_STOPS")) {
    test::shared_page<2> shared(page);
    if (shared[0]++ < shared[1]) raise(SIGSTOP);
  }
  return true;
}();

options collecting(const fanout::shape& shape) {
  options how(shape);
  how.on_error = on_error::collect;
  return how;
}

int identity(int x) {
  return x;
}
int pid_of(int) {
  return getpid();
}

class worker : public test::leak_checked {};

// Surroundings
// ---------------------------------------------------------------------------------------------------------

std::string where(int) {
  return std::filesystem::current_path();
}
std::string variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value ? value : "(none)";
}
int niceness(int) {
  return getpriority(PRIO_PROCESS, 0);
}
int cores(int) {
  return static_cast<int>(available_cores());
}

TEST_F(worker, works_where_it_is_told_to) {
  const fanout_test::temporary_directory place;
  options how(processes(1));
  how.workers.directory = place.path();
  EXPECT_THAT(map(how, remote<where>, std::vector{1}), ElementsAre(std::filesystem::canonical(place.path())));
  how.workers.directory = place / "missing";
  EXPECT_THROW(map(how, remote<where>, std::vector{1}), std::system_error);
}

TEST_F(worker, has_the_environment_it_is_given) {
  options how(processes(1));
  how.workers.environment = {{"FANOUT_TEST_NEW", "a=b"}, {"PATH", std::nullopt}, {"HOME", "/nowhere"}};
  const std::vector<std::string> names{"FANOUT_TEST_NEW", "PATH", "HOME"};
  EXPECT_THAT(map(how, remote<variable>, names), ElementsAre("a=b", "(none)", "/nowhere"));
  EXPECT_THAT(map(processes(1), remote<variable>, names).at(1), testing::Ne("(none)"));
}

TEST_F(worker, is_as_nice_as_it_is_told_to_be_and_on_its_core) {
  options how(processes(1));
  how.workers.niceness = 3;
  EXPECT_THAT(map(how, remote<niceness>, std::vector{1}), ElementsAre(niceness(0) + 3));
  cpu_set_t mine;
  sched_getaffinity(0, sizeof mine, &mine);
  std::uint32_t core = 0;
  while (!CPU_ISSET(core, &mine)) ++core;
  how.workers.cores = {core};
  EXPECT_THAT(map(how, remote<cores>, std::vector{1}), ElementsAre(1));
  how.workers.cores = {1'000};
  EXPECT_THROW(map(how, remote<cores>, std::vector{1}), std::invalid_argument) << "there is no such core";
}

// What no worker could be given is refused before one is started, with the reason, in a run as in a pool.
TEST_F(worker, cannot_be_asked_for_what_is_absurd) {
  const auto refusal_of = [](const worker_options& workers) -> std::string {
    options how(processes(1));
    how.workers = workers;
    std::string why;
    try {
      map(how, remote<identity>, std::vector{1});
    } catch (const std::invalid_argument& thrown) {
      why = thrown.what();
    }
    EXPECT_THROW(process_pool({.workers = workers}), std::invalid_argument);
    return why;
  };
  EXPECT_THAT(refusal_of({.memory_bytes = 512}), HasSubstr("512 bytes of memory are less"));
  EXPECT_THAT(refusal_of({.cpu_time = -1s}), HasSubstr("-1 s of CPU time"));
  EXPECT_THAT(refusal_of({.niceness = 100}), HasSubstr("accepted are -39 to 39"));
  EXPECT_THAT(refusal_of({.niceness = -100}), HasSubstr("a niceness of -100"));
  EXPECT_THAT(refusal_of({.cores = {0, 4'000'000'000}}), HasSubstr("core 4000000000 is none of the"));
  EXPECT_THAT(refusal_of({.directory = std::string("a\0b", 3)}), HasSubstr("NUL"));
  EXPECT_THAT(refusal_of({.environment = {{"A=B", "c"}}}), HasSubstr("'A=B' is no name"));
  EXPECT_THAT(refusal_of({.environment = {{"", "c"}}}), HasSubstr("'' is no name"));
  EXPECT_THAT(refusal_of({.environment = {{"A", std::string("\0", 1)}}}), HasSubstr("NUL"));
}

TEST_F(worker, counts_have_limits_that_are_named) {
  const auto refusal_of = [](const process_pool_options& how) -> std::string {
    try {
      const process_pool made(how);
    } catch (const std::invalid_argument& thrown) {
      return thrown.what();
    }
    return "it was made";
  };
  EXPECT_THAT(refusal_of({.processes = static_cast<std::uint32_t>(-1)}), HasSubstr("limit of 1024"));
  EXPECT_THAT(refusal_of({.processes = 1, .threads = 0}), HasSubstr("at least 1 of threads"));
  EXPECT_THAT(refusal_of({.processes = 1, .in_flight = 0}), HasSubstr("at least 1 of tasks in flight"));
  EXPECT_THAT(refusal_of({.processes = 1'000, .threads = 1'000, .in_flight = 1'000}), HasSubstr("beyond the limit"));
  EXPECT_THROW(processes(0), std::invalid_argument);
}

// Limits
// ---------------------------------------------------------------------------------------------------------------

std::size_t take_memory(int mebibytes) {
  const std::string block(static_cast<std::size_t>(mebibytes) << 20, 'x');
  return block.size();
}
std::size_t take_memory_or_die(int mebibytes) noexcept {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  return take_memory(mebibytes);
}

TEST_F(worker, cannot_have_more_memory_than_it_may) {
  if (test::sanitized) GTEST_SKIP() << "a sanitizer has terabytes mapped";
  options how = collecting(processes(1));
  how.workers.memory_bytes = 200 << 20;
  const auto all = map_outcomes(how, remote<take_memory>, std::vector{10, 400, 20});
  ASSERT_EQ(all.size(), 3u);
  EXPECT_TRUE(all[0].ok() && all[2].ok());
  EXPECT_EQ(all[1].error().kind, failure_kind::task_failed);
  EXPECT_EQ(all[1].error().type, "std::bad_alloc");
  const auto dead = map_outcomes(how, remote<take_memory_or_die>, std::vector{10, 400, 20});
  EXPECT_TRUE(dead.at(2).ok());
  EXPECT_EQ(dead.at(1).error().kind, failure_kind::worker_died);
  EXPECT_EQ(dead.at(1).error().signal, SIGABRT);
}

int compute_for_ever(int x) {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  const volatile int watched = x;  // a loop without it may be left out
  while (watched == 1) {
  }
  return x;
}

TEST_F(worker, cannot_have_more_cpu_time_than_it_may) {
  options how = collecting(processes(1));
  how.workers.cpu_time = 1s;
  const auto all = map_outcomes(how, remote<compute_for_ever>, std::vector{0, 1, 2});
  ASSERT_EQ(all.size(), 3u);
  EXPECT_TRUE(all[0].ok() && all[2].ok());
  EXPECT_EQ(all[1].error().kind, failure_kind::worker_died);
  EXPECT_EQ(all[1].error().signal, SIGXCPU) << all[1].error().message;
}

TEST_F(worker, is_replaced_after_so_many_tasks) {
  options how(processes(2));
  how.workers.max_tasks = 10;
  std::map<int, int> tasks;
  const report cost =
      run(how, remote<pid_of>, std::views::iota(0, 95), [&](const outcome<int>& out) { ++tasks[out.value()]; });
  EXPECT_GE(tasks.size(), 10u);
  for (const auto& [pid, count] : tasks) EXPECT_LE(count, 10) << pid;
  EXPECT_EQ(cost.restarts, 0u) << "none died";
  process_pool pool({.processes = 1, .workers = {.max_tasks = 1}});
  const int first = pool.submit(remote<pid_of>, 0).get();
  EXPECT_NE(pool.submit(remote<pid_of>, 0).get(), first);
}

// Before the first task and after the last
// -----------------------------------------------------------------------------

int opened = 0;
void open_for_work(const std::string& page) {
  ++test::shared_page<2>(page)[0];
  opened = 42;
}
task<void> close_after_work(std::string page) {
  ++test::shared_page<2>(page)[1];
  co_return;
}
int what_was_opened(int) {
  return opened;
}
void failing_start(int) {
  throw std::runtime_error("no database");
}

TEST_F(worker, is_initialized_once_and_finalized_once) {
  test::shared_page<2> page;
  {
    process_pool pool({.processes = 1,
                       .workers = {.initializer = remote<open_for_work>.call(page.path()),
                                   .finalizer = remote<close_after_work>.call(page.path())}});
    EXPECT_THAT(pool.map(remote<what_was_opened>, std::views::iota(0, 20)), testing::Each(42));
    EXPECT_EQ(page[0], 1);
    EXPECT_EQ(page[1], 0);
    pool.close();
  }
  EXPECT_EQ(page[1], 1);
}

TEST_F(worker, that_cannot_be_initialized_is_of_no_use) {
  options how(processes(2));
  how.workers.initializer = remote<failing_start>.call(1);
  try {
    map(how, remote<identity>, std::views::iota(0, 10));
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& thrown) {
    EXPECT_THAT(thrown.what(), HasSubstr("the initializer failed: no database"));
  }
  process_pool pool({.processes = 1, .workers = {.initializer = remote<failing_start>.call(1)}});
  for (int round = 0; round < 2; ++round) {
    try {
      pool.submit(remote<identity>, 1).get();
      FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& thrown) {
      EXPECT_THAT(thrown.what(), HasSubstr("no database")) << "in each round";
    }
  }
}

TEST_F(worker, that_is_stopped_before_it_is_ready_is_replaced) {
  test::shared_page<2> page;
  page[1] = 2;
  options how(processes(2));
  how.workers.environment = {{"FANOUT_TEST_STOPS", page.path()}};
  how.workers.start_timeout = test::sanitized ? 8s : 1s;
  EXPECT_EQ(map(how, remote<identity>, std::views::iota(0, 100)).size(), 100u);
  EXPECT_GE(page[0], 3);
  page[1] = 100;
  how.workers.start_timeout = 100ms;
  try {
    map(how, remote<identity>, std::views::iota(0, 100));
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& thrown) {
    EXPECT_THAT(thrown.what(), HasSubstr("nothing within 0.1 s"));
  }
}

// Output
// ---------------------------------------------------------------------------------------------------------------

int talk(int x) {
  std::printf("task %d\nunfinished", x);
  std::fprintf(stderr, "trouble %d\n", x);
  std::fflush(stdout);
  if (x == 2) kill(getpid(), SIGKILL);
  return x;
}

TEST_F(worker, s_output_can_be_captured) {
  options how = collecting(processes(1));
  how.workers.output = worker_output::captured;
  std::vector<std::string> lines;
  how.workers.on_output = [&](const output_line& line) {
    EXPECT_EQ(line.worker, 0u);
    lines.push_back((line.error ? "! " : "") + std::string(line.text));
  };
  EXPECT_EQ(map_outcomes(how, remote<talk>, std::vector{1, 2}).size(), 2u);
  EXPECT_THAT(lines,
              testing::UnorderedElementsAre("task 1", "! trouble 1", "unfinishedtask 2", "! trouble 2", "unfinished"))
      << "also what it said just before it died";
}

TEST_F(worker, s_output_can_be_discarded_or_prefixed) {
  options how(processes(1));
  how.workers.output = worker_output::discard;
  testing::internal::CaptureStdout();
  map(how, remote<talk>, std::vector{1});
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  how.workers.output = worker_output::prefixed;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  map(how, remote<talk>, std::vector{1});
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "[worker 0] task 1\n[worker 0] unfinished\n");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "[worker 0] trouble 1\n");
}

// Trying again
// ---------------------------------------------------------------------------------------------------------

struct plan {
  std::string page;
  int deaths = 0;  ///< of 7, before it succeeds
  template <class Archive>
  void serialize(Archive& archive) {
    archive(page, deaths);
  }
};
int sevens_die(const plan& how, int x) {
  if (x % 10 == 7 && test::shared_page<2>(how.page)[0]++ < how.deaths) kill(getpid(), SIGKILL);
  return x;
}

TEST_F(worker, s_task_is_tried_again_as_often_as_asked) {
  test::shared_page<2> page;
  options how = collecting(grid(2, 2, 1));
  how.workers.retries = 3;
  const auto all = map_outcomes(how, remote<sevens_die>.with(plan{page.path(), 3}), std::views::iota(0, 10));
  ASSERT_EQ(all.size(), 10u);
  for (const auto& out : all) EXPECT_TRUE(out.ok()) << out.error().message;
  EXPECT_EQ(page[0], 4);
  page[0] = 0;
  const auto again = map_outcomes(how, remote<sevens_die>.with(plan{page.path(), 100}), std::views::iota(0, 10));
  for (const auto& out : again) EXPECT_EQ(out.ok(), out.index != 7) << "who was in the same worker is not blamed";
  EXPECT_EQ(again.at(7).error().attempts, 4);
  EXPECT_EQ(page[0], 4);
}

TEST_F(worker, s_input_that_kills_is_put_in_quarantine) {
  test::shared_page<2> page;
  process_pool pool({.processes = 2, .workers = {.retries = 10, .quarantine_after = 2}});
  const auto deadly = remote<sevens_die>.with(plan{page.path(), 1'000});
  try {
    pool.submit(deadly, 7).get();
    FAIL() << "nothing was thrown";
  } catch (const error& thrown) {
    EXPECT_EQ(thrown.kind(), failure_kind::worker_died);
    EXPECT_EQ(thrown.failure().attempts, 2);
  }
  EXPECT_EQ(pool.submit(deadly, 8).get(), 8);
  try {
    pool.submit(deadly, 7).get();
    FAIL() << "nothing was thrown";
  } catch (const error& thrown) {
    EXPECT_EQ(thrown.kind(), failure_kind::refused_by_policy);
    EXPECT_THAT(thrown.what(), HasSubstr("quarantine"));
  }
  EXPECT_EQ(page[0], 2);
}

// The report
// -----------------------------------------------------------------------------------------------------------

// Each outcome was brought by a worker, or is the death of one.
TEST_F(worker, s_reports_add_up_when_some_die) {
  test::shared_page<2> page;
  const report cost = run(collecting(processes(2)), remote<sevens_die>.with(plan{page.path(), 1'000}),
                          std::views::iota(0, 100), [](const outcome<int>&) {});
  std::uint64_t tasks = 0;
  std::uint32_t starts = 0;
  std::uint32_t restarts = 0;
  std::uint64_t bytes = 0;
  for (const worker_report& each : cost.workers) {
    tasks += each.tasks;
    starts += each.starts;
    restarts += each.restarts;
    bytes += each.bytes_sent + each.bytes_received;
  }
  EXPECT_EQ(cost.tasks, 100u);
  EXPECT_EQ(tasks + cost.failures, cost.tasks);
  EXPECT_EQ(restarts, cost.restarts);
  EXPECT_EQ(restarts, 10u);
  EXPECT_LE(starts, 2 + restarts);
  EXPECT_EQ(bytes, cost.ipc_bytes);
}

TEST_F(worker, s_cost_is_reported_for_each) {
  const report cost = run(processes(2), remote<identity>, std::views::iota(0, 100), [](const outcome<int>&) {});
  ASSERT_EQ(cost.workers.size(), 2u);
  EXPECT_EQ(cost.workers[0].tasks + cost.workers[1].tasks, 100u);
  EXPECT_EQ(cost.workers[0].bytes_sent + cost.workers[0].bytes_received + cost.workers[1].bytes_sent +
                cost.workers[1].bytes_received,
            cost.ipc_bytes);
  EXPECT_EQ(cost.workers[0].starts, 1u);
  EXPECT_GT(cost.workers[0].cpu, 0ns);
  EXPECT_LE(cost.workers[0].cpu + cost.workers[1].cpu, cost.cpu()) << "this process had some of it";
  EXPECT_LE(cost.workers[0].peak_rss_bytes + cost.workers[1].peak_rss_bytes, cost.peak_rss_bytes);
  EXPECT_GT(cost.workers[0].peak_rss_bytes, 1u << 20);

  process_pool pool({.processes = 1});
  pool.map(remote<identity>, std::views::iota(0, 100));
  const report running = pool.report();
  EXPECT_EQ(running.workers.at(0).tasks, 100u);
  EXPECT_GT(running.workers.at(0).cpu, 0ns);
  EXPECT_GT(running.workers.at(0).peak_rss_bytes, 1u << 20);
  EXPECT_GT(running.workers.at(0).bytes_received, 100u);
  pool.close();
  EXPECT_GE(pool.report().workers.at(0).cpu, running.workers.at(0).cpu);
}

}  // namespace worker_settings_tests
