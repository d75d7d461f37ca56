// What becomes of the tasks of a worker: results, garbage, and what it leaves behind when it dies. Without a process.

#include "process/supervised.hpp"
#include "process/supervisor/completion.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace completion_tests {

using namespace fanout;
using namespace fanout::detail;
using namespace std::chrono_literals;
using test::some_tasks;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

/// Keeps what is delivered.
class kept_job final : public remote_job {
 public:
  remote_callable function(std::uint32_t) const override { return {}; }
  bool needs_loops() const override { return false; }
  pull_status pull_encoded(std::uint64_t&, encoded_values&, task_terms&, std::uint32_t, std::size_t) override {
    return pull_status::end;
  }
  int source_handle() override { return -1; }
  void deliver_results(const result_batch& batch) override {
    if (throws) throw std::runtime_error("the sink is full");
    for (std::uint32_t i = 0; i < batch.count(); ++i) {
      lanes.push_back(batch.facts(i).lane);
      EXPECT_TRUE(values.emplace(batch.first_index() + i, batch.value(i)).second);
    }
  }
  void deliver_failure(const outcome_facts& facts, failure reason) override {
    EXPECT_TRUE(failures.emplace(facts.index, std::move(reason)).second);
  }

  std::map<std::uint64_t, std::string> values;
  std::map<std::uint64_t, failure> failures;
  std::vector<std::uint32_t> lanes;
  bool throws = false;
};

class completed : public testing::Test {
 protected:
  completed() {
    cost.workers.resize(4);
    worker.said_hello();
  }
  void hand_over(std::uint64_t first, std::uint32_t count, std::uint32_t started) {
    worker.tasks.add(some_tasks(first, count));
    test::start_tasks(worker, started);
  }
  static std::string results(std::uint64_t ordinal, std::uint32_t count, std::uint32_t lane = 4, bool ok = true) {
    std::string value = ok ? "r" : "";
    if (!ok) encode_failure({.kind = failure_kind::task_failed, .message = "its own"}, value);
    std::string bytes;
    append_raw(bytes, results_header{.first_ordinal = ordinal,
                                     .count = count,
                                     .lane = lane,
                                     .each = static_cast<std::uint32_t>(value.size()),
                                     .ok = ok ? 1U : 0U});
    if (count > 1)
      for (std::uint32_t i = 1; i <= count; ++i) append_raw(bytes, i);
    for (std::uint32_t i = 0; i < count; ++i) bytes += value;
    return bytes;
  }
  void take(const std::string& payload) { done.on_results(worker, worker.tasks.end_ordinal(), payload); }
  void die(int signal = SIGKILL) {
    done.take_finished(worker);
    done.take_back(worker, {.status = signal});
    worker.tasks.clear();
  }

  options how = [] {
    options made{grid(4, 2, 1)};
    made.workers.retries = 1;
    return made;
  }();
  run_control control{how};
  kept_job job;
  report cost;
  retry_rules retries{how.workers};
  restart_rules restarts;
  task_time time;
  pending_tasks pending{[this](std::uint64_t index, failure reason) { done.end_unstarted(index, std::move(reason)); }};
  completion done{control, job, cost, 2, pending, retries, restarts, time};
  worker_record worker{2, 2};
};

TEST_F(completed, delivers_results_with_the_indices_of_the_job) {
  hand_over(10, 3, 3);
  hand_over(50, 2, 2);
  take(results(0, 2) + results(3, 1, 5) + results(2, 1, 4, false));
  EXPECT_THAT(job.values, ElementsAre(Pair(10, "r"), Pair(11, "r"), Pair(50, "r")));
  EXPECT_THAT(job.lanes, ElementsAre(4, 4, 5));
  ASSERT_EQ(job.failures.count(12), 1u);
  EXPECT_EQ(job.failures.at(12).message, "its own");
  EXPECT_EQ(worker.tasks.unfinished(), 1u);
  EXPECT_EQ(cost.workers[2].tasks, 4u);
}

TEST_F(completed, believes_nothing_that_cannot_be) {
  hand_over(0, 4, 2);
  const auto refused = [&](const std::string& payload) {
    EXPECT_THROW(take(payload), error);
    EXPECT_TRUE(job.values.empty());
  };
  refused(results(2, 1));     // not started
  refused(results(1, 2));     // the second was not
  refused(results(9, 1));     // not its task
  refused(results(0, 1, 3));  // another worker's lane
  refused(results(0, 1, 6));  // the next one's
  refused(results(0, 1).substr(0, 20));
  EXPECT_THROW(done.on_results(worker, 0, results(0, 1)), error) << "its input has not been sent";
  take(results(0, 1));
  EXPECT_THROW(take(results(0, 1)), error) << "it has ended";
  EXPECT_EQ(job.values.size(), 1u);
}

TEST_F(completed, breaks_the_run_off_when_the_sink_throws) {
  hand_over(0, 1, 1);
  job.throws = true;
  take(results(0, 1));
  EXPECT_THROW(control.rethrow_broken(), std::runtime_error);
  EXPECT_EQ(worker.tasks.unfinished(), 0u);
}

TEST_F(completed, gives_others_what_a_dead_worker_had_not_started) {
  hand_over(0, 2, 2);
  hand_over(10, 3, 0);
  take(results(0, 1));
  worker.tasks.drop_finished();
  how.workers.retries = 0;
  retries = retry_rules(how.workers);
  die(SIGSEGV);
  ASSERT_EQ(job.failures.size(), 1u);
  const failure& blamed = job.failures.at(1);
  EXPECT_EQ(blamed.kind, failure_kind::worker_died);
  EXPECT_EQ(blamed.signal, SIGSEGV);
  EXPECT_EQ(blamed.attempts, 1);
  EXPECT_THAT(blamed.message, HasSubstr("was killed by SIGSEGV (11) in mid-task"));
  const auto next = pending.next(10, 1);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->first_index, 10u);
  EXPECT_EQ(next->count(), 3u);
  EXPECT_TRUE(pending.empty());
}

TEST_F(completed, tries_those_again_that_it_died_at) {
  hand_over(0, 2, 2);
  die();
  EXPECT_TRUE(job.failures.empty());
  for (const std::uint64_t index : {0u, 1u}) {
    ASSERT_TRUE(pending.any_suspects());
    const task_bundle suspect = pending.next_suspect();
    EXPECT_EQ(suspect.first_index, index);
    EXPECT_EQ(suspect.count(), 1u);
    EXPECT_EQ(suspect.deaths, 1u);
  }
}

TEST_F(completed, ends_a_task_that_may_not_be_tried_any_more) {
  task_bundle again = some_tasks(7, 1);
  again.deaths = 1;
  worker.tasks.add(std::move(again));
  test::start_tasks(worker, 1);
  die();
  EXPECT_EQ(job.failures.at(7).attempts, 2);
  EXPECT_TRUE(pending.empty());
}

TEST_F(completed, keeps_a_suspect_a_suspect_when_it_was_not_started) {
  task_bundle again = some_tasks(7, 1);
  again.deaths = 1;
  worker.tasks.add(std::move(again));
  die();
  EXPECT_TRUE(job.failures.empty());
  EXPECT_EQ(pending.next_suspect().deaths, 1u);
}

TEST_F(completed, says_timeout_of_what_it_was_killed_for_and_blames_nobody_else) {
  how.workers.retries = 0;
  retries = retry_rules(how.workers);
  hand_over(0, 2, 2);
  worker.overdue_tasks = {.from = 0, .to = 1};
  die();
  EXPECT_EQ(job.failures.at(0).kind, failure_kind::timeout);
  EXPECT_EQ(job.failures.at(1).kind, failure_kind::worker_died);
  EXPECT_THAT(job.failures.at(1).message, HasSubstr("another of its tasks was over its limit"));
}

TEST_F(completed, never_tries_again_what_was_over_its_limit) {
  hand_over(0, 1, 1);
  worker.overdue_tasks = {.from = 0, .to = 1};
  die();
  EXPECT_EQ(job.failures.at(0).kind, failure_kind::timeout);
  EXPECT_TRUE(pending.empty());
}

TEST_F(completed, says_why_the_worker_was_killed) {
  how.workers.retries = 0;
  retries = retry_rules(how.workers);
  hand_over(0, 1, 1);
  worker.closed_its_connection = true;
  die();
  EXPECT_THAT(job.failures.at(0).message, HasSubstr("closed its connection"));
  worker_record other(1, 2);
  other.tasks.add(some_tasks(5, 1));
  test::start_tasks(other, 1);
  other.protocol_error = "it spoke in tongues";
  done.take_back(other, {.status = SIGKILL});
  EXPECT_THAT(job.failures.at(5).message, HasSubstr("was killed: it spoke in tongues"));
}

TEST_F(completed, cancels_everything_of_a_run_that_is_aborted) {
  hand_over(0, 3, 1);
  control.abort();
  die();
  EXPECT_EQ(job.failures.size(), 3u);
  for (const auto& [index, reason] : job.failures) EXPECT_EQ(reason.kind, failure_kind::cancelled) << index;
  EXPECT_TRUE(pending.empty());
}

TEST_F(completed, takes_from_the_page_what_a_dead_worker_had_finished) {
  hand_over(0, 3, 2);
  auto& unsent = worker.page().unsent();
  const std::string left = results(0, 1);
  std::copy(left.begin(), left.end(), unsent.frame.begin() + sizeof(frame_header));
  unsent.framed.store(static_cast<std::uint32_t>(left.size()));
  take(results(0, 1));  // it had been sent all the same
  die();
  EXPECT_THAT(job.values, ElementsAre(Pair(0, "r")));
  EXPECT_EQ(pending.next_suspect().first_index, 1u);
  EXPECT_EQ(pending.next(9, 1)->first_index, 2u);
}

TEST_F(completed, takes_from_the_page_what_was_not_sent) {
  hand_over(0, 2, 2);
  auto& unsent = worker.page().unsent();
  const std::string left = results(0, 2);
  std::copy(left.begin(), left.end(), unsent.frame.begin() + sizeof(frame_header));
  unsent.framed.store(static_cast<std::uint32_t>(left.size()));
  die();
  EXPECT_THAT(job.values, ElementsAre(Pair(0, "r"), Pair(1, "r")));
  EXPECT_TRUE(pending.empty());
}

std::string returned_from(std::uint64_t ordinal) {
  std::string bytes;
  append_raw(bytes, returned_frame{ordinal});
  return bytes;
}

TEST_F(completed, takes_back_what_a_worker_was_asked_for) {
  hand_over(0, 10, 2);
  worker.recall_pending = true;
  done.on_returned(worker, worker.tasks.end_ordinal(), returned_from(4));
  EXPECT_FALSE(worker.recall_pending);
  EXPECT_EQ(worker.tasks.end_ordinal(), 4u);
  EXPECT_EQ(pending.next(100, 1)->first_index, 4u);
}

TEST_F(completed, refuses_what_a_worker_cannot_give_back) {
  hand_over(0, 10, 2);
  const auto refused = [&](std::uint64_t from, std::uint64_t unsent = 10) {
    EXPECT_THROW(done.on_returned(worker, unsent, returned_from(from)), error);
    EXPECT_EQ(worker.tasks.end_ordinal(), 10u);
  };
  refused(4);  // it was not asked
  worker.recall_pending = true;
  refused(11);
  refused(1);     // it has started that one
  refused(4, 8);  // not all was sent ahead of the recall
  EXPECT_THROW(done.on_returned(worker, 10, "short"), error);
}

TEST_F(completed, drops_what_comes_back_and_nobody_wants) {
  hand_over(0, 4, 1);
  pending.cancel([](std::uint64_t index) { return index == 2; });
  worker.recall_pending = true;
  done.on_returned(worker, 4, returned_from(1));
  EXPECT_EQ(job.failures.at(2).kind, failure_kind::cancelled);
  EXPECT_EQ(pending.next(9, 1)->first_index, 1u);
  EXPECT_EQ(pending.next(9, 1)->first_index, 3u);
}

TEST_F(completed, knows_when_a_task_held_its_thread_only_where_that_is_wanted) {
  hand_over(0, 1, 1);
  std::string bytes;
  append_raw(bytes, held_frame{0});
  EXPECT_THROW(done.on_held(worker, bytes), error);
  how.timeline = true;
  done.on_held(worker, bytes);
  bytes.clear();
  append_raw(bytes, held_frame{3});
  EXPECT_THROW(done.on_held(worker, bytes), error) << "it does not have that task";
}

}  // namespace completion_tests
