// The worker processes of one run, for a job written by hand: one outcome for each task, whatever happens.

#include <fanout/core/detail/control.hpp>
#include <fanout/core/options.hpp>
#include <fanout/process/remote.hpp>

#include "process/listed_job.hpp"
#include "process/supervisor/supervisor.hpp"
#include "support/failing_calls.hpp"
#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace supervisors {

using namespace fanout;
using namespace fanout::detail;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

int plus_one(int x) {
  if (x == 13) raise(SIGKILL);
  if (x == 17) throw std::domain_error("unlucky");
  return x + 1;
}

task<int> plus_one_later(int x) {
  task<void> turn = test::yield();
  co_await std::move(turn);
  co_return x + 1;
}

int hangs(int x) {
  for (;;) pause();
  return x;
}

class supervised_runs : public test::leak_checked {
 protected:
  template <class Change>
  report run(test::listed_job& job, options how, Change change) {
    how.on_error = on_error::collect;
    run_control control(how);
    job.on_end = [&] { control.exhaust(); };
    job.pulling = [&] { return control.pulling(); };
    change(control);
    report cost;
    worker_runner::instance().run(control, job, how.shape, cost);
    job.check();
    broken_ = control.broken();
    if (broken_) {
      try {
        control.rethrow_broken();
      } catch (const std::exception& why) {
        reason_ = why.what();
      }
    }
    return cost;
  }
  report run(test::listed_job& job, options how) {
    return run(job, std::move(how), [](run_control&) {});
  }
  bool broken_ = false;
  std::string reason_;
};

TEST_F(supervised_runs, each_task_has_its_result_under_each_shape) {
  for (const shape& each : {processes(1), processes(3), grid(2, 2, 1)}) {
    test::listed_job job(remote<plus_one>, 12);
    const report cost = run(job, each);
    EXPECT_TRUE(job.failures.empty());
    for (int i = 0; i < 12; ++i) EXPECT_EQ(job.value(i), i + 1);
    EXPECT_LE(cost.processes, each.processes);
    EXPECT_GE(cost.processes, 1U);
    EXPECT_EQ(cost.restarts, 0U);
  }
  test::listed_job later(remote<plus_one_later>, 100);
  run(later, grid(2, 1, 8));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(later.value(i), i + 1);
}

TEST_F(supervised_runs, a_task_that_kills_its_worker_takes_no_other_along) {
  test::listed_job job(remote<plus_one>, 40);
  const report cost = run(job, processes(2));
  EXPECT_THAT(job.failed_indices, testing::UnorderedElementsAre(13, 17));
  for (const failure& each : job.failures) {
    if (each.kind == failure_kind::worker_died)
      EXPECT_EQ(each.signal, SIGKILL);
    else
      EXPECT_EQ(each.message, "unlucky");
  }
  EXPECT_EQ(cost.restarts, 1U);
}

TEST_F(supervised_runs, a_task_over_its_limit_is_ended_with_its_worker) {
  test::listed_job job(remote<hangs>, 1, 20ms);
  options how(processes(1));
  how.task_timeout = 20ms;
  run(job, how);
  ASSERT_EQ(job.failures.size(), 1U);
  EXPECT_EQ(job.failures[0].kind, failure_kind::timeout);
}

TEST_F(supervised_runs, an_abort_cancels_what_is_under_way_and_pulls_no_more) {
  test::listed_job job(remote<hangs>, 1'000);
  run(job, processes(2), [&](run_control& control) {
    job.on_pull = [&](int index) {
      if (index == 1) control.abort();
    };
  });
  EXPECT_LT(job.pulled(), 1'000);
  for (const failure& each : job.failures) EXPECT_EQ(each.kind, failure_kind::cancelled) << each.message;
}

TEST_F(supervised_runs, a_drain_lets_what_is_under_way_end) {
  test::listed_job job(remote<plus_one_later>, 10'000);
  run(job, grid(2, 1, 4), [&](run_control& control) {
    job.on_outcome = [&](std::uint64_t index) {
      if (index == 5) control.drain();
    };
  });
  EXPECT_TRUE(job.failures.empty());
  EXPECT_LT(job.pulled(), 10'000);
}

TEST_F(supervised_runs, where_no_worker_can_be_started_the_run_ends_with_the_reason) {
  const test::failing_call failing(test::system_call::posix_spawn, EAGAIN);
  test::listed_job job(remote<plus_one>, 5);
  run(job, processes(2));
  EXPECT_TRUE(broken_);
  EXPECT_THAT(reason_, HasSubstr("cannot start a worker process"));
}

TEST_F(supervised_runs, a_job_without_tasks_starts_no_worker) {
  test::listed_job job(remote<plus_one>, 0);
  const report cost = run(job, processes(4));
  EXPECT_EQ(cost.processes, 0U);
}

}  // namespace supervisors
