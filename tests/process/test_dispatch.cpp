// Who gets tasks and how many, and who gives some back, without a process.

#include "process/supervised.hpp"
#include "process/supervisor/dispatch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace dispatch_tests {

using namespace fanout;
using namespace fanout::detail;
using namespace std::chrono_literals;
using test::some_tasks;
using place = dispatch_rules::suspect_place;

/// Tasks are known to take so long.
void learn(dispatch_rules& rules, std::chrono::nanoseconds each) {
  for (int i = 0; i < 100; ++i) rules.time().add(100, 100 * each);
}

TEST(dispatch, gives_one_task_for_each_place_while_nothing_is_known_of_them) {
  const dispatch_rules rules(grid(1, 2, 3), 0);
  worker_record worker(0, 2);
  EXPECT_EQ(rules.places(), 6u);
  EXPECT_EQ(rules.places_ahead(), 0u);
  EXPECT_EQ(rules.fill_level(worker), 6u);
  worker.tasks.add(some_tasks(0, 5));
  EXPECT_TRUE(rules.has_place(worker));
  worker.tasks.add(some_tasks(5, 1));
  EXPECT_FALSE(rules.has_place(worker));
  EXPECT_FALSE(rules.may_have_more(worker, rules.fill_level(worker)));
}

TEST(dispatch, hands_short_tasks_ahead_in_batches_and_only_to_a_worker_that_listens) {
  dispatch_rules rules(grid(1, 1, 1), 0);
  learn(rules, 1us);
  const std::uint32_t ahead = rules.places_ahead();
  EXPECT_NEAR(ahead, 4000, 400);
  worker_record worker(0, 1);
  EXPECT_EQ(rules.fill_level(worker), 1 + ahead);
  worker.tasks.add(some_tasks(0, 1));
  EXPECT_EQ(rules.fill_level(worker), 0u) << "it does not read what is sent to it while it is at that one";
  worker.listens = true;
  EXPECT_EQ(rules.fill_level(worker), 1 + ahead);
  worker.tasks.add(some_tasks(0, ahead));
  EXPECT_EQ(rules.fill_level(worker), 0u) << "it has more than half of what it should have";
}

TEST(dispatch, hands_nothing_ahead_of_long_tasks) {
  dispatch_rules rules(grid(1, 1, 1), 0);
  learn(rules, 1s);
  EXPECT_EQ(rules.places_ahead(), 0u);
}

TEST(dispatch, keeps_large_inputs_from_piling_up) {
  const dispatch_rules rules(grid(1, 1, 1), 0);
  worker_record worker(0, 1);
  EXPECT_TRUE(rules.may_have_more(worker, 100));
  worker.tasks.add(some_tasks(0, 1, dispatch_rules::most_bytes_ahead));
  EXPECT_FALSE(rules.may_have_more(worker, 100));
}

TEST(dispatch, hands_nothing_behind_a_task_that_turns_out_long) {
  dispatch_rules rules(grid(1, 2, 1), 0);
  learn(rules, 1us);
  worker_record worker(0, 2);
  worker.listens = true;
  worker.tasks.add(some_tasks(0, 2));
  // The worker began just now, and no time it tells is before that.
  while (worker_record::clock::now() - worker.time_of(0) < 2 * dispatch_rules::long_task) {
  }
  test::lane_is_at(worker, 0, 0, worker.time_of(0));
  EXPECT_FALSE(rules.stands_still(worker)) << "one lane is free";
  test::lane_is_at(worker, 1, 1, worker.time_of(0));
  EXPECT_TRUE(rules.stands_still(worker));
  EXPECT_EQ(rules.fill_level(worker), 0u);
  test::lane_is_at(worker, 1, 1, worker_record::clock::now() + 1h);  // which is taken for now
  EXPECT_FALSE(rules.stands_still(worker)) << "and the other has only begun";
}

TEST(dispatch, gives_nothing_to_a_worker_that_cannot_have_it) {
  const dispatch_rules rules(grid(1, 1, 1), 0);
  const auto taken_by = [&](auto change) {
    worker_record worker(0, 1);
    worker.said_hello();
    change(worker);
    EXPECT_EQ(rules.fill_level(worker) > 0, rules.may_take(worker));
    EXPECT_EQ(rules.has_place(worker), rules.may_take(worker));
    return rules.may_take(worker);
  };
  EXPECT_TRUE(taken_by([](worker_record&) {}));
  EXPECT_FALSE(taken_by([](worker_record& it) { it.told_to_leave(); }));
  EXPECT_FALSE(taken_by([](worker_record& it) { it.went_to_caller(); }));
  EXPECT_FALSE(taken_by([](worker_record& it) { it.was_killed(); }));
  EXPECT_FALSE(taken_by([](worker_record& it) { it.process_is(process_state::hung_up); }));
  EXPECT_FALSE(taken_by([](worker_record& it) { it.recall_pending = true; }));
  EXPECT_FALSE(taken_by([](worker_record& it) { it.share = task_share::alone; }));
  EXPECT_FALSE(taken_by([](worker_record& it) { it.share = task_share::reserved; }));
}

TEST(dispatch, counts_the_tasks_of_a_life) {
  const dispatch_rules rules(grid(1, 1, 1), 5);
  worker_record worker(0, 1);
  EXPECT_EQ(rules.within_life(nullptr, 100), 5u);
  worker.tasks.add(some_tasks(0, 3));
  EXPECT_EQ(rules.within_life(&worker, 100), 2u);
  EXPECT_EQ(rules.within_life(&worker, 1), 1u);
  EXPECT_FALSE(rules.worn(worker));
  worker.tasks.add(some_tasks(3, 2));
  EXPECT_TRUE(rules.worn(worker));
  EXPECT_FALSE(rules.may_take(worker));
  EXPECT_EQ(rules.place_for_suspect(worker), place::never);
  EXPECT_EQ(dispatch_rules(grid(1, 1, 1), 0).within_life(&worker, 100), 100u);
}

TEST(dispatch, gives_a_suspect_to_an_idle_worker_or_has_one_become_idle) {
  const dispatch_rules rules(grid(1, 1, 1), 0);
  worker_record idle(0, 1);
  EXPECT_EQ(rules.place_for_suspect(idle), place::now);
  idle.share = task_share::reserved;
  EXPECT_EQ(rules.place_for_suspect(idle), place::now) << "that is what it was kept for";
  idle.share = task_share::alone;
  EXPECT_EQ(rules.place_for_suspect(idle), place::never);
  worker_record busy(1, 1);
  busy.tasks.add(some_tasks(0, 3));
  EXPECT_EQ(rules.place_for_suspect(busy), place::when_idle);
  worker_record less(2, 1);
  less.tasks.add(some_tasks(3, 2));
  EXPECT_TRUE(dispatch_rules::sooner_idle(busy, nullptr));
  EXPECT_TRUE(dispatch_rules::sooner_idle(less, &busy));
  EXPECT_FALSE(dispatch_rules::sooner_idle(busy, &less));
  busy.share = task_share::reserved;
  EXPECT_TRUE(dispatch_rules::sooner_idle(busy, &less)) << "one is enough";
}

class rebalancing : public testing::Test {
 protected:
  rebalancing() {
    full.tasks.add(some_tasks(0, 101));
    test::start_tasks(full, 1);
  }
  rebalance ask(bool may_start = false) { return rebalance::among(workers, may_start, rules); }

  dispatch_rules rules{grid(2, 1, 1), 0};
  worker_record full{0, 1};
  worker_record other{1, 1};
  std::vector<worker_record*> workers{&full, &other};
};

TEST_F(rebalancing, takes_half_of_what_waits_from_the_fullest) {
  learn(rules, 1ms);
  const rebalance choice = ask();
  EXPECT_EQ(choice.from, &full);
  EXPECT_EQ(choice.keep, 50u);
}

TEST_F(rebalancing, needs_somebody_who_is_idle_or_could_be_started) {
  learn(rules, 1ms);
  other.tasks.add(some_tasks(200, 1));
  EXPECT_EQ(ask().from, nullptr);
  workers.push_back(nullptr);
  EXPECT_EQ(ask(false).from, nullptr);
  EXPECT_EQ(ask(true).from, &full);
}

TEST_F(rebalancing, is_not_worth_it_for_short_tasks_unless_one_turns_out_long) {
  learn(rules, 1us);
  EXPECT_EQ(ask().from, nullptr);
  EXPECT_TRUE(ask().ask_again);
  while (worker_record::clock::now() - full.time_of(0) < 2 * dispatch_rules::long_task) {
  }
  test::lane_is_at(full, 0, 0, full.time_of(0));
  EXPECT_EQ(ask().from, &full);
}

TEST_F(rebalancing, leaves_alone_those_who_have_nothing_waiting_or_were_asked) {
  learn(rules, 1ms);
  full.recall_pending = true;
  EXPECT_EQ(ask().from, nullptr);
  EXPECT_FALSE(ask().ask_again);
  full.recall_pending = false;
  full.tasks.take_from(1);
  EXPECT_EQ(ask().from, nullptr);
}

}  // namespace dispatch_tests
