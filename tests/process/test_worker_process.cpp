// One worker process seen from its parent, on the loop of the test.

#include <fanout/process/remote.hpp>

#include "process/listed_job.hpp"
#include "process/parent_end.hpp"
#include "process/supervisor/worker_process.hpp"
#include "process/worker/worker_settings.hpp"
#include "support/leaks.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/wait.h>

#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace worker_processes {

using namespace fanout;
using namespace fanout::detail;
using testing::HasSubstr;

int plus_one(int x) {
  if (x == 13) raise(SIGKILL);
  return x + 1;
}

/// A worker that is watched, and what it sent.
struct watched_worker {
  explicit watched_worker(const worker_options& asked = {}) : how(asked), worker(loop, 3, 1, how) {
    // In a turn of its own: a worker may be dead when it is first looked at.
    asio::post(loop, [this] {
      asio::co_spawn(loop, worker.watch([this](const frame_reader::frame& frame) { take(frame); }),
                     [this](std::exception_ptr failed, worker_end got) {
                       EXPECT_FALSE(failed);
                       end = got;
                     });
    });
  }
  void take(const frame_reader::frame& frame) {
    frames.push_back({frame.type, std::string(frame.payload)});
    if (frame.type == frame_type::hello) worker.said_hello();
    if (frame.type == frame_type::bye) worker.said_goodbye();
    if (on_frame) on_frame(frames.back());
  }
  /// The set-up, the function, and a task for each of these.
  void send(const std::vector<int>& inputs) {
    worker.outbox.write_setup(worker_settings::of(how, 3), {});
    const test::listed_job job(remote<plus_one>, 0);
    worker.outbox.tell_of(0, job);
    send_tasks(inputs);
  }
  void send_tasks(const std::vector<int>& inputs) {
    for (const int each : inputs) {
      task_bundle one;
      remote<plus_one>.encode(each, one.inputs.open());
      EXPECT_TRUE(one.inputs.close());
      worker.outbox.write_tasks(next_ordinal++, false, one, false);
    }
    worker.send_outbox();
  }
  std::vector<frame_type> types() const {
    std::vector<frame_type> all;
    for (const auto& each : frames) all.push_back(each.type);
    return all;
  }

  const worker_options how;
  asio::io_context loop;
  worker_process worker;
  std::uint64_t next_ordinal = 0;
  std::vector<test::received_frame> frames;
  std::function<void(const test::received_frame&)> on_frame;
  std::optional<worker_end> end;
};

class processes_of_workers : public test::leak_checked {};

TEST_F(processes_of_workers, one_says_hello_works_and_takes_its_leave) {
  watched_worker one;
  one.on_frame = [&](const test::received_frame& frame) {
    if (frame.type == frame_type::results) one.worker.finish_sending();
  };
  one.send({41});
  one.loop.run();
  EXPECT_EQ(one.types(), (std::vector{frame_type::hello, frame_type::results, frame_type::bye}));
  const auto results = test::results_of(one.frames[1].payload);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(remote<plus_one>.decode_result(results[0].value), 42);
  ASSERT_TRUE(one.end);
  EXPECT_TRUE(one.end->known);
  EXPECT_EQ(one.end->status, 0);
  EXPECT_GT(one.worker.bytes_sent(), 0U);
  EXPECT_GT(one.worker.bytes_received(), 0U);
  EXPECT_FALSE(one.worker.corrupt());
  EXPECT_FALSE(one.worker.closed_its_connection);
}

TEST_F(processes_of_workers, what_one_has_used_is_known_while_it_lives) {
  watched_worker one;
  process_usage used;
  one.on_frame = [&](const test::received_frame& frame) {
    if (frame.type != frame_type::hello) return;
    used = one.worker.usage();
    one.worker.finish_sending();
  };
  one.send({});
  one.loop.run();
  EXPECT_GT(used.cpu.count(), 0);
  EXPECT_GT(used.peak_rss_bytes, 100'000U);
}

TEST_F(processes_of_workers, one_that_dies_at_its_task_is_reaped_and_what_it_had_started_is_known) {
  watched_worker one;
  one.send({1, 13, 3});
  one.loop.run();
  ASSERT_TRUE(one.end);
  EXPECT_TRUE(one.end->by_signal());
  EXPECT_EQ(one.end->signal(), SIGKILL);
  EXPECT_EQ(one.worker.page().started(0), 2U);
  EXPECT_FALSE(one.worker.killed()) << "not by its parent";
}

TEST_F(processes_of_workers, one_that_is_killed_ends) {
  watched_worker one;
  one.on_frame = [&](const test::received_frame&) { one.worker.kill(); };
  one.send({});
  one.loop.run();
  ASSERT_TRUE(one.end);
  EXPECT_EQ(one.end->signal(), SIGKILL);
  EXPECT_TRUE(one.worker.killed());
  one.worker.kill();  // it is reaped: nobody else has that number's signal
}

TEST_F(processes_of_workers, one_that_says_what_is_no_frame_is_killed) {
  worker_options how;
  how.command = {"sh", "-c", "printf 'this is no frame at all' >&3; exec sleep 1000", "worker"};
  watched_worker one(how);
  one.loop.run();
  ASSERT_TRUE(one.end);
  EXPECT_TRUE(one.worker.corrupt());
  EXPECT_TRUE(one.worker.killed());
}

TEST_F(processes_of_workers, one_that_closes_its_connection_and_goes_on_is_killed) {
  worker_options how;
  how.command = {"sh", "-c", "exec 3>&-; exec sleep 1000", "worker"};
  watched_worker one(how);
  one.loop.run();
  EXPECT_TRUE(one.worker.closed_its_connection);
  EXPECT_TRUE(one.worker.killed());
  EXPECT_TRUE(one.frames.empty());
}

TEST_F(processes_of_workers, one_that_is_dead_when_it_is_first_looked_at_has_ended) {
  worker_options how;
  how.command = {"sh", "-c", "exit 3", "worker"};
  watched_worker one(how);
  siginfo_t ended{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(one.worker.pid()), &ended, WEXITED | WNOWAIT), 0);
  one.loop.run();
  ASSERT_TRUE(one.end);
  EXPECT_THAT(one.end->text(), HasSubstr("status 3"));
}

TEST_F(processes_of_workers, its_object_kills_and_reaps_one_that_still_runs) {
  watched_worker one;
  one.loop.poll();
}

TEST_F(processes_of_workers, one_that_goes_to_a_caller_comes_back_to_the_loop) {
  watched_worker one;
  one.on_frame = [&](const test::received_frame& frame) {
    if (frame.type == frame_type::results) one.worker.finish_sending();
    if (frame.type != frame_type::hello) return;
    asio::post(one.loop, [&] {  // not while a frame is being read
      one.worker.check_out([](worker_process&) { ADD_FAILURE() << "it lives"; });
      EXPECT_TRUE(one.worker.checked_out());
      EXPECT_TRUE(one.worker.direct.has_value());
      one.worker.check_in();
      EXPECT_FALSE(one.worker.checked_out());
      one.send_tasks({5});
    });
  };
  one.send({});
  one.loop.run();
  EXPECT_EQ(one.types(), (std::vector{frame_type::hello, frame_type::results, frame_type::bye}));
}

}  // namespace worker_processes
