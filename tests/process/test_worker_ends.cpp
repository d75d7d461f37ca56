// How workers begin and end besides their tasks: what initializers and finalizers throw reaches somebody, and a worker
// that hangs when it is to go does not keep anybody.

#include <fanout/fanout.hpp>

#include "support/leaks.hpp"
#include "support/sanitized.hpp"
#include "support/shared_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

namespace worker_ends {

using namespace fanout;
using namespace std::chrono_literals;
using testing::HasSubstr;

int identity(int x) {
  return x;
}
int dies(int) {
  kill(getpid(), SIGKILL);
  return 0;
}
void fails_as_text(int) {
  throw std::runtime_error("the index could not be written");
}
void fails_as_number(int) {
  throw 42;
}
task<void> fails_in_a_coroutine(int) {
  throw std::invalid_argument("no such index");
  co_return;
}
void first_fails(const std::string& page) {
  if (test::shared_page<1>(page)[0]++ == 0) throw std::runtime_error("the database is busy");
}
void hangs(int) {
  for (;;) pause();
}
void stops(int) {
  raise(SIGSTOP);
}

class worker_end : public test::leak_checked {
 protected:
  static report run_with(const worker_options& workers) {
    options how(processes(1));
    how.workers = workers;
    int outcomes = 0;
    const report cost = run(how, remote<identity>, std::views::iota(0, 10), [&](const outcome<int>& out) {
      EXPECT_TRUE(out.ok());
      ++outcomes;
    });
    EXPECT_EQ(outcomes, 10);
    return cost;
  }
};

TEST_F(worker_end, what_a_finalizer_throws_is_in_the_report) {
  EXPECT_EQ(run_with({}).workers.at(0).warning, "");
  EXPECT_EQ(run_with({.finalizer = remote<fails_as_text>.call(1)}).workers.at(0).warning,
            "the finalizer failed: the index could not be written");
  EXPECT_EQ(run_with({.finalizer = remote<fails_as_number>.call(1)}).workers.at(0).warning,
            "the finalizer failed: an exception of type int");
  EXPECT_EQ(run_with({.finalizer = remote<fails_in_a_coroutine>.call(1)}).workers.at(0).warning,
            "the finalizer failed: no such index");
}

TEST_F(worker_end, what_a_finalizer_throws_is_in_the_report_of_a_pool) {
  process_pool pool({.processes = 1, .workers = {.max_tasks = 2, .finalizer = remote<fails_as_text>.call(1)}});
  for (int x = 0; x < 5; ++x) EXPECT_EQ(pool.submit(remote<identity>, x).get(), x) << "no call is hurt by it";
  pool.close();
  EXPECT_THAT(pool.report().workers.at(0).warning, HasSubstr("could not be written"));
}

// One that fails only sometimes is tried again, and does not go unseen.
TEST_F(worker_end, what_an_initializer_throws_is_in_the_report_when_the_next_worker_gets_ready) {
  test::shared_page<1> starts;
  const report cost = run_with({.initializer = remote<first_fails>.call(starts.path())});
  EXPECT_EQ(cost.workers.at(0).warning, "the initializer failed: the database is busy");
  EXPECT_EQ(cost.workers.at(0).starts, 2u);
  EXPECT_EQ(cost.restarts, 1u);
}

TEST_F(worker_end, what_an_initializer_throws_is_told_whatever_it_is) {
  options how(processes(1));
  how.workers.initializer = remote<fails_as_number>.call(1);
  try {
    map(how, remote<identity>, std::vector{1});
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& thrown) {
    EXPECT_THAT(thrown.what(), HasSubstr("the initializer failed: an exception of type int"));
  }
}

const auto soon = test::sanitized ? 3s : 1s;  // yet late enough for any start

TEST_F(worker_end, one_whose_finalizer_hangs_is_killed) {
  for (const auto& finalizer : {remote<hangs>.call(1), remote<stops>.call(1)}) {
    const report cost = run_with({.start_timeout = soon, .finalizer = finalizer});
    EXPECT_THAT(cost.workers.at(0).warning, HasSubstr("was killed"));
    EXPECT_EQ(cost.restarts, 0u) << "nothing was left for another";
  }
}

// It answered, and is stopped before it is told to go: the sink runs on the thread that will tell it.
TEST_F(worker_end, one_that_is_stopped_with_nothing_to_do_is_killed) {
  options how(processes(1));
  how.workers.start_timeout = soon;
  int outcomes = 0;
  const report cost = run(how, remote<identity>, std::views::iota(0, 3), [&](const outcome<int>&) {
    if (++outcomes < 3) return;
    for (const int child : test::children()) kill(child, SIGSTOP);
  });
  EXPECT_EQ(outcomes, 3);
  EXPECT_THAT(cost.workers.at(0).warning, HasSubstr("was killed"));
}

TEST_F(worker_end, closing_a_pool_does_not_wait_for_one_that_is_stopped) {
  process_pool pool({.processes = 2, .workers = {.start_timeout = soon}});
  EXPECT_EQ(pool.submit(remote<identity>, 1).get(), 1);
  for (const int child : test::children()) kill(child, SIGSTOP);
  pool.close();
  EXPECT_THAT(pool.report().workers.at(0).warning, HasSubstr("was killed"));
}

}  // namespace worker_ends
