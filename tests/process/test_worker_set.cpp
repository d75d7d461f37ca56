// The workers of a run: started, attended to their end, ended, and what they cost.

#include <fanout/core/detail/control.hpp>
#include <fanout/core/options.hpp>

#include "process/supervisor/retry.hpp"
#include "process/supervisor/worker_set.hpp"
#include "support/failing_calls.hpp"
#include "support/leaks.hpp"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <cerrno>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace worker_sets {

using namespace fanout;
using namespace fanout::detail;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

/// A set of two workers whose events are written down; none has any task.
class noted_set final : private worker_events {
 public:
  explicit noted_set(worker_options workers = {}) : how(processes(2)) {
    how.workers = std::move(workers);
    control.emplace(how);
    set.emplace(loop, *control, how.shape, false, cost, restarts, static_cast<worker_events&>(*this));
  }
  options how;
  asio::io_context loop;
  report cost;
  restart_rules restarts;
  std::optional<run_control> control;
  std::optional<worker_set> set;
  std::vector<std::string> ends;
  int start_agains = 0;
  std::function<void(worker_process&)> on_hello = [](worker_process&) {};

  /// Starts that one and sends what it was to be told.
  worker_process* start(std::uint32_t number) {
    worker_process* const worker = set->obtain(number);
    if (worker) worker->send_outbox();
    return worker;
  }

 private:
  std::function<void(const frame_reader::frame&)> frames_of(worker_process& worker) override {
    return [this, &worker](const frame_reader::frame& frame) {
      switch (frame.type) {
        case frame_type::hello:
          set->on_hello(worker, frame.payload);
          return on_hello(worker);
        case frame_type::bye:
          return set->on_goodbye(worker, frame.payload);
        case frame_type::startup_error:
          return set->on_startup_error(worker, frame.payload);
        default:
          throw error(failure_kind::protocol, "no task was given");
      }
    };
  }
  void ended(worker_process& worker, const worker_end& end) override {
    EXPECT_EQ(set->at(worker.number()), nullptr);
    ends.push_back(std::to_string(worker.number()) + " " + end.text());
    if (worker.state() != worker_state::left) set->judge_end(worker, end);
  }
  void may_start_again() override { ++start_agains; }
};

class sets_of_workers : public test::leak_checked {};

TEST_F(sets_of_workers, a_worker_is_started_once_for_its_number_and_leaves_when_it_is_let_go) {
  noted_set all;
  worker_process* const first = all.start(1);
  ASSERT_TRUE(first);
  EXPECT_EQ(all.set->obtain(1), first);
  EXPECT_EQ(all.set->at(0), nullptr);
  EXPECT_EQ(all.set->records()[1], first);
  EXPECT_EQ(all.set->running(), 1U);
  all.on_hello = [&](worker_process& worker) { all.set->let_go(worker); };
  all.loop.run();
  EXPECT_THAT(all.ends, ElementsAre("1 exited with status 0"));
  EXPECT_EQ(all.set->running(), 0U);
  EXPECT_EQ(all.cost.processes, 1U);
  EXPECT_EQ(all.cost.restarts, 0U);
  EXPECT_EQ(all.cost.workers[1].starts, 1U);
  EXPECT_GT(all.cost.workers[1].peak_rss_bytes, 0U);
  EXPECT_GT(all.cost.ipc_bytes, 0U);
  EXPECT_EQ(all.cost.workers[0].starts, 0U);
}

TEST_F(sets_of_workers, one_that_is_let_go_before_it_is_ready_leaves_as_well) {
  noted_set all;
  all.set->let_go(*all.start(0));
  all.loop.run();
  EXPECT_THAT(all.ends, ElementsAre("0 exited with status 0"));
}

TEST_F(sets_of_workers, one_that_dies_is_counted_and_may_be_replaced) {
  noted_set all;
  all.start(0);
  bool again = false;
  all.on_hello = [&](worker_process& worker) {
    if (!std::exchange(again, true)) return static_cast<void>(kill(worker.pid(), SIGTERM));
    all.set->let_go(worker);
  };
  all.loop.run();
  ASSERT_THAT(all.ends, ElementsAre(HasSubstr("SIGTERM")));
  EXPECT_EQ(all.cost.restarts, 1U);
  EXPECT_EQ(all.cost.workers[0].restarts, 1U);
  EXPECT_FALSE(all.control->broken());
  all.loop.restart();
  ASSERT_TRUE(all.start(0));
  all.loop.run();
  EXPECT_EQ(all.cost.workers[0].starts, 2U);
}

TEST_F(sets_of_workers, three_that_do_not_get_ready_end_the_run_with_the_last_reason) {
  worker_options how;
  how.command = {"sh", "-c", "exit 3", "worker"};
  noted_set all(how);
  for (int i = 0; i < 3; ++i) {
    ASSERT_FALSE(all.control->broken());
    ASSERT_TRUE(all.start(0));
    all.loop.run();
    all.loop.restart();
  }
  try {
    all.control->rethrow_broken();
    ADD_FAILURE() << "the run must be broken off";
  } catch (const std::runtime_error& why) {
    EXPECT_THAT(why.what(), HasSubstr("exited with status 3"));
  }
}

TEST_F(sets_of_workers, one_that_is_not_ready_in_time_is_killed) {
  worker_options how;
  how.command = {"sh", "-c", "exec sleep 1000", "worker"};
  how.start_timeout = 20ms;
  noted_set all(how);
  all.start(0);
  all.loop.run();
  EXPECT_THAT(all.ends, ElementsAre(HasSubstr("SIGKILL")));
}

TEST_F(sets_of_workers, what_the_system_refuses_ends_the_run_only_where_no_worker_is_left) {
  noted_set all;
  ASSERT_TRUE(all.start(0));
  {
    const test::failing_call failing(test::system_call::posix_spawn, EAGAIN);
    EXPECT_EQ(all.set->obtain(1), nullptr);
    EXPECT_FALSE(all.set->may_start());
    EXPECT_EQ(all.set->obtain(1), nullptr);
    EXPECT_EQ(failing.refused(), 1) << "it is not tried again at once";
  }
  EXPECT_FALSE(all.control->broken()) << "the other one does the work";
  while (all.start_agains == 0) all.loop.run_one();
  EXPECT_TRUE(all.set->may_start());
  all.set->let_go(*all.set->at(0));
  all.loop.run();
  const test::failing_call failing(test::system_call::posix_spawn, EAGAIN);
  EXPECT_EQ(all.set->obtain(1), nullptr);
  EXPECT_TRUE(all.control->broken());
}

TEST_F(sets_of_workers, one_that_takes_its_leave_unasked_is_killed) {
  worker_options how;
  // A hello that is right, and a goodbye: written by a worker's own program with its settings turned over.
  how.command = {"sh", "-c", "printf '\\010\\0\\0\\0\\005\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0' >&3; exec sleep 1000",
                 "worker"};
  noted_set all(how);
  worker_process* const liar = all.start(0);
  ASSERT_TRUE(liar);
  all.loop.run();
  ASSERT_THAT(all.ends, ElementsAre(HasSubstr("SIGKILL")));
  EXPECT_THAT(all.set->ended()[0]->protocol_error, HasSubstr("took its leave before it was told to"));
}

TEST_F(sets_of_workers, those_that_run_when_it_goes_are_killed_and_reaped) {
  noted_set all;
  all.start(0);
  all.start(1);
  all.loop.poll();
}

}  // namespace worker_sets
