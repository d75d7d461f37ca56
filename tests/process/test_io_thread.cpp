// The thread of a worker that listens and sends while its lanes are busy.

#include <fanout/process/remote.hpp>

#include "process/parent_end.hpp"
#include "process/worker/io_thread.hpp"
#include "support/leaks.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

namespace io_threads {

using namespace fanout;
using namespace fanout::detail;

int identity(int x) {
  return x;
}

class worker_io : public test::leak_checked {
 protected:
  struct worker {
    worker()
        : page(progress_page::create(2)),
          results(link, page.unsent()),
          queue(link, page, reader, control, results, 2, false),
          beside(link, control, queue, results) {
      parent.send_function(0, remote<identity>.name());
    }
    test::parent_end parent;
    parent_link link{parent.workers_socket()};
    options how;
    run_control control{how};
    frame_reader reader;
    progress_page page;
    result_sender results;
    task_queue queue;
    io_thread beside;
  };
};

TEST_F(worker_io, no_thread_is_started_before_it_is_wanted) {
  const auto before = test::live_threads();
  worker one;
  EXPECT_EQ(test::live_threads(), before);
  one.beside.stop();
  one.beside.want();
  EXPECT_EQ(test::live_threads(), before + 1);
  one.beside.want();
  EXPECT_EQ(test::live_threads(), before + 1) << "one";
}

TEST_F(worker_io, results_that_wait_behind_a_long_task_are_sent) {
  worker one;
  std::string value = "done";
  std::optional<failure> none;
  one.results.flush();
  const auto now = result_sender::clock::now();
  one.results.add({.ordinal = 0, .started = now, .finished = now}, value, none);
  one.beside.want();
  const auto frame = one.parent.next();  // although no lane sends it
  ASSERT_TRUE(frame);
  EXPECT_EQ(test::results_of(frame->payload).at(0).value, "done");
}

TEST_F(worker_io, tasks_that_wait_behind_a_long_one_are_given_back_when_asked_for) {
  worker one;
  one.parent.send_tasks(0, {"long", "waits", "waits, too"}, 0, true);
  claimed_task task;
  while (one.queue.claim(task) != pull_status::item) continue;
  one.beside.want();
  one.parent.send_frame(frame_type::recall, "", recall_frame{.keep = 0});
  const auto frame = one.parent.next();  // while the lane is at its task
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, frame_type::returned);
  std::string_view payload = frame->payload;
  EXPECT_EQ(take_raw<returned_frame>(payload)->from, 1U);
}

TEST_F(worker_io, a_parent_that_errs_meanwhile_ends_the_run) {
  worker one;
  one.parent.send_tasks(0, {"long"}, 0, true);
  claimed_task task;
  while (one.queue.claim(task) != pull_status::item) continue;
  one.beside.want();
  one.parent.send_frame(frame_type::bye, "");
  while (!one.control.broken()) std::this_thread::yield();
  EXPECT_THROW(one.control.rethrow_broken(), error);
  frame_reader reader;
  EXPECT_FALSE(one.link.wait_and_fill(reader)) << "a lane that waits for more is let go";
}

TEST_F(worker_io, may_be_stopped_more_than_once) {
  worker one;
  one.beside.want();
  one.beside.stop();
  one.beside.stop();
}

}  // namespace io_threads
