// The states of a worker, and what its supervisor makes of what it tells.

#include "process/supervised.hpp"
#include "process/supervisor/worker_record.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <limits>
#include <set>
#include <utility>

namespace worker_records {

using namespace fanout;
using namespace fanout::detail;
using namespace std::chrono_literals;
using test::some_tasks;
using enum worker_state;

TEST(worker_state_table, allows_what_it_says_and_nothing_else) {
  constexpr std::array all{starting, ready, checked_out, leaving_unready, leaving, left};
  const std::set<std::pair<worker_state, worker_state>> allowed{
      {starting, ready},           {ready, starting}, {ready, checked_out},       {checked_out, ready},
      {starting, leaving_unready}, {ready, leaving},  {leaving_unready, leaving}, {leaving, leaving_unready},
      {leaving_unready, left},     {leaving, left}};
  for (const worker_state from : all)
    for (const worker_state to : all)
      EXPECT_EQ(may_become(from, to), from == to || allowed.contains({from, to}))
          << static_cast<int>(from) << " to " << static_cast<int>(to);
}

TEST(worker_record, goes_from_its_start_to_its_leave) {
  worker_record worker(3, 1);
  EXPECT_EQ(worker.number(), 3u);
  EXPECT_EQ(worker.state(), starting);
  EXPECT_FALSE(worker.ready());
  worker.said_hello();
  EXPECT_TRUE(worker.ready());
  worker.went_to_caller();
  EXPECT_TRUE(worker.checked_out());
  worker.came_back();
  worker.told_to_leave();
  EXPECT_TRUE(worker.leaving());
  EXPECT_TRUE(worker.ready());
  worker.said_goodbye();
  EXPECT_EQ(worker.state(), left);
  EXPECT_TRUE(worker.leaving());
}

TEST(worker_record, may_be_told_to_leave_before_it_is_ready) {
  worker_record worker(0, 1);
  worker.told_to_leave();
  EXPECT_EQ(worker.state(), leaving_unready);
  EXPECT_FALSE(worker.ready());
  worker.said_hello();
  EXPECT_EQ(worker.state(), leaving);
}

// A hostile worker says anything at any time.
TEST(worker_record, is_not_ready_after_a_startup_error_whenever_that_comes) {
  worker_record worker(0, 1);
  worker.reported_startup_error();
  EXPECT_EQ(worker.state(), starting);
  worker.said_hello();
  worker.said_hello();
  EXPECT_EQ(worker.state(), ready);
  worker.reported_startup_error();
  EXPECT_EQ(worker.state(), starting);
  worker.said_hello();
  worker.told_to_leave();
  worker.reported_startup_error();
  EXPECT_EQ(worker.state(), leaving_unready);
  worker.said_goodbye();
  worker.reported_startup_error();
  worker.said_hello();
  EXPECT_EQ(worker.state(), left);
}

TEST(worker_record, is_doomed_once_it_hung_up_or_was_killed) {
  worker_record worker(0, 1);
  EXPECT_FALSE(worker.doomed());
  worker.process_is(process_state::exited);
  EXPECT_TRUE(worker.doomed());
  worker.process_is(process_state::hung_up);
  EXPECT_EQ(worker.process(), process_state::exited) << "it does not come back";
  EXPECT_FALSE(worker.killed());
  worker_record other(1, 1);
  other.was_killed();
  EXPECT_TRUE(other.doomed());
}

TEST(worker_record, believes_a_count_of_started_tasks_that_can_be) {
  worker_record worker(0, 1);
  worker.tasks.add(some_tasks(0, 10));
  EXPECT_EQ(worker.started(), 0u);
  test::start_tasks(worker, 4);
  EXPECT_EQ(worker.started(), 4u);
  worker.tasks.finish(*worker.tasks.batch_of(0), 0, 6);
  EXPECT_EQ(worker.started(), 10u) << "fewer than were finished: so none is started again";
}

TEST(worker_record, keeps_times_within_its_life) {
  const auto before = worker_record::clock::now();
  const worker_record worker(0, 1);
  EXPECT_GE(worker.time_of(0), before);
  const auto latest = worker.time_of(std::numeric_limits<std::int64_t>::max());
  EXPECT_LE(latest, worker_record::clock::now());
  const auto now = worker_record::clock::now();
  EXPECT_EQ(worker.time_of(now.time_since_epoch().count()), now);
}

TEST(worker_record, knows_which_of_its_tasks_it_was_killed_for) {
  worker_record worker(0, 1);
  EXPECT_FALSE(worker.overdue(4));
  worker.overdue_tasks = {.from = 4, .to = 6};
  EXPECT_FALSE(worker.overdue(3));
  EXPECT_TRUE(worker.overdue(4));
  EXPECT_TRUE(worker.overdue(5));
  EXPECT_FALSE(worker.overdue(6));
}

TEST(end_of_a_worker, says_how_the_process_ended) {
  EXPECT_EQ(worker_end{.status = SIGKILL}.text(), "was killed by SIGKILL (9)");
  EXPECT_EQ(worker_end{.status = SIGKILL}.signal(), SIGKILL);
  EXPECT_EQ(worker_end{.status = 3 << 8}.text(), "exited with status 3");
  EXPECT_EQ(worker_end{.status = 3 << 8}.signal(), 0);
  EXPECT_THAT((worker_end{.status = SIGKILL, .known = false}.text()), testing::HasSubstr("how is not known"));
  EXPECT_FALSE((worker_end{.status = SIGKILL, .known = false}.by_signal()));
}

}  // namespace worker_records
