// The run inside a worker, over a socketpair and without a process: tasks in, results out.

#include <fanout/process/remote.hpp>

#include "process/parent_end.hpp"
#include "process/worker/worker_run.hpp"
#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace worker_runs {

using namespace fanout;
using namespace fanout::detail;
using testing::HasSubstr;

int plus_one(int x) {
  if (x == 13) throw std::domain_error("unlucky");
  return x + 1;
}

task<int> plus_one_later(int x) {
  task<void> turn = test::yield();
  co_await std::move(turn);
  if (x == 13) throw std::domain_error("unlucky");
  co_return x + 1;
}

class runs_of_a_worker : public test::leak_checked {
 protected:
  static std::string encoded(int x) {
    std::string bytes;
    remote<plus_one>.encode(x, bytes);
    return bytes;
  }
  static int decoded(const std::string& bytes) { return remote<plus_one>.decode_result(bytes); }
};

/// A worker's run on a thread of its own. What it throws is kept.
struct worker_thread {
  explicit worker_thread(setup_frame setup) {
    thread = std::jthread([this, setup] {
      try {
        parent_link link(parent.workers_socket());
        frame_reader reader;
        worker_run run(link, setup, reader, progress_page::create(setup.threads));
        run.run();
      } catch (...) {
        failed = std::current_exception();
      }
      shutdown(parent.workers_socket(), SHUT_WR);
    });
  }
  /// All results until the run has ended, by their ordinals.
  std::vector<test::read_result> finish() {
    parent.close_sending();
    std::vector<test::read_result> all;
    while (const auto frame = parent.next())
      if (frame->type == frame_type::results)
        for (auto& each : test::results_of(frame->payload)) all.push_back(std::move(each));
    thread.join();
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.ordinal < b.ordinal; });
    return all;
  }
  test::parent_end parent;
  std::exception_ptr failed;
  std::jthread thread;
};

TEST_F(runs_of_a_worker, results_come_for_each_task_under_each_shape) {
  const setup_frame shapes[] = {
      {.threads = 1}, {.threads = 3, .first_lane = 6}, {.threads = 2, .in_flight = 4, .loops = 1}};
  for (const setup_frame& setup : shapes) {
    worker_thread worker(setup);
    worker.parent.send_function(0, setup.loops ? remote<plus_one_later>.name() : remote<plus_one>.name());
    std::vector<std::string> inputs;
    for (int i = 0; i < 50; ++i) inputs.push_back(encoded(i));
    worker.parent.send_tasks(0, inputs);
    worker.parent.send_tasks(50, inputs);
    const auto got = worker.finish();
    EXPECT_FALSE(worker.failed);
    ASSERT_EQ(got.size(), 100U);
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].ordinal, i);
      EXPECT_GE(got[i].lane, setup.first_lane);
      EXPECT_LT(got[i].lane, setup.first_lane + setup.threads);
      EXPECT_GE(got[i].finished_ns, got[i].started_ns);
      if (i % 50 == 13) {
        EXPECT_FALSE(got[i].ok);
        EXPECT_EQ(got[i].value, "unlucky");
      } else {
        ASSERT_TRUE(got[i].ok);
        EXPECT_EQ(decoded(got[i].value), static_cast<int>(i % 50) + 1);
      }
    }
  }
}

TEST_F(runs_of_a_worker, a_function_that_is_unknown_fails_its_own_tasks) {
  worker_thread worker({.threads = 1});
  worker.parent.send_function(0, "no such function");
  worker.parent.send_function(1, remote<plus_one>.name());
  worker.parent.send_tasks(0, {encoded(1)}, 0);
  worker.parent.send_tasks(1, {encoded(1)}, 1);
  const auto got = worker.finish();
  ASSERT_EQ(got.size(), 2U);
  EXPECT_THAT(got[0].value, HasSubstr("no such function"));
  EXPECT_TRUE(got[1].ok);
}

TEST_F(runs_of_a_worker, an_input_that_cannot_be_decoded_fails_its_task) {
  worker_thread worker({.threads = 1});
  worker.parent.send_function(0, remote<plus_one>.name());
  worker.parent.send_tasks(0, {"x", encoded(4)});
  const auto got = worker.finish();
  ASSERT_EQ(got.size(), 2U);
  EXPECT_FALSE(got[0].ok);
  EXPECT_EQ(decoded(got[1].value), 5);
}

TEST_F(runs_of_a_worker, a_parent_that_errs_ends_it_with_the_reason) {
  worker_thread worker({.threads = 2});
  worker.parent.send_frame(frame_type::hello, "");
  worker.finish();
  ASSERT_TRUE(worker.failed);
  try {
    std::rethrow_exception(worker.failed);
  } catch (const error& why) {
    EXPECT_THAT(why.what(), HasSubstr("not a parent's"));
  }
}

TEST_F(runs_of_a_worker, without_tasks_it_ends_with_its_parent) {
  for (const setup_frame& setup : {setup_frame{.threads = 1}, setup_frame{.threads = 2, .loops = 1}}) {
    worker_thread worker(setup);
    EXPECT_TRUE(worker.finish().empty());
    EXPECT_FALSE(worker.failed);
  }
}

}  // namespace worker_runs
