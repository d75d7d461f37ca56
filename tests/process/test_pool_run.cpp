// A run whose tasks a pool carries, for a job written by hand.

#include <fanout/core/detail/control.hpp>
#include <fanout/core/options.hpp>
#include <fanout/process/remote.hpp>

#include "process/listed_job.hpp"
#include "process/pool/pool_run.hpp"
#include "support/leaks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

namespace pool_runs {

using namespace fanout;
using namespace fanout::detail;
using testing::HasSubstr;

int plus_one(int x) {
  if (x == 13) raise(SIGKILL);
  return x + 1;
}

int hangs(int x) {
  for (;;) pause();
  return x;
}

class runs_on_a_pool : public test::leak_checked {
 protected:
  void SetUp() override {
    leak_checked::SetUp();
    pool_ = std::make_shared<pool_engine>(process_pool_options{.processes = 2});
  }
  void TearDown() override {
    pool_->close(pool_engine::closing::kill);
    pool_.reset();
    control_.reset();
    leak_checked::TearDown();
  }
  template <class Change>
  report run(test::listed_job& job, Change change) {
    how_.on_error = on_error::collect;
    control_.emplace(how_);
    job.on_end = [&] { control_->exhaust(); };
    job.pulling = [&] { return control_->pulling(); };
    change(*control_);
    report cost;
    pool_run::carry_out(*pool_, *control_, job, cost);
    return cost;
  }

  options how_;
  std::optional<run_control> control_;
  std::shared_ptr<pool_engine> pool_;
};

TEST_F(runs_on_a_pool, each_task_has_its_result_and_the_pool_serves_the_next_run) {
  for (int round = 0; round < 2; ++round) {
    test::listed_job job(remote<plus_one>, 12);
    const report cost = run(job, [](run_control&) {});
    job.check();
    for (int i = 0; i < 12; ++i) EXPECT_EQ(job.value(i), i + 1);
    EXPECT_EQ(cost.processes, 2U);
    EXPECT_GT(cost.ipc_bytes, 0U);
  }
}

TEST_F(runs_on_a_pool, what_it_holds_does_not_grow_with_the_input) {
  test::listed_job job(remote<hangs>, 1'000'000);
  run(job, [&](run_control& control) {
    job.on_pull = [&](int index) {
      if (index == 3) control.abort();
    };
  });
  job.check();
  EXPECT_LT(job.pulled(), 100) << "as many as the workers need";
  for (const failure& each : job.failures) EXPECT_EQ(each.kind, failure_kind::cancelled) << each.message;
}

TEST_F(runs_on_a_pool, a_worker_that_dies_fails_its_own_task) {
  test::listed_job job(remote<plus_one>, 30);
  run(job, [](run_control&) {});
  job.check();
  ASSERT_EQ(job.failures.size(), 1U);
  EXPECT_EQ(job.failed_indices[0], 13U);
  EXPECT_EQ(job.failures[0].kind, failure_kind::worker_died);
}

TEST_F(runs_on_a_pool, a_pool_that_is_closed_meanwhile_ends_the_run_with_an_outcome_for_each) {
  test::listed_job job(remote<plus_one>, 1'000'000);
  run(job, [&](run_control&) {
    job.on_outcome = [&](std::uint64_t index) {
      if (index == 20) pool_->close(pool_engine::closing::stop);
    };
  });
  job.check();
  EXPECT_LT(job.pulled(), 1'000'000);
}

TEST_F(runs_on_a_pool, no_outcome_comes_twice_where_taking_one_throws) {
  test::listed_job job(remote<plus_one>, 500);
  run(job, [&](run_control&) {
    job.on_outcome = [&](std::uint64_t index) {
      if (index == 20) throw std::bad_alloc();
    };
  });
  job.check_at_most_once();
  EXPECT_TRUE(control_->broken());
  EXPECT_THROW(control_->rethrow_broken(), std::bad_alloc);
}

}  // namespace pool_runs
