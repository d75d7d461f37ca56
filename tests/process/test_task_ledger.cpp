// What was handed to one worker: ordinals, results out of order, and what is taken out again.

#include "process/supervised.hpp"
#include "process/supervisor/task_ledger.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace task_ledgers {

using namespace fanout;
using namespace fanout::detail;
using test::some_tasks;

TEST(task_ledger, numbers_tasks_in_the_order_they_are_added) {
  task_ledger ledger;
  EXPECT_EQ(ledger.batch_of(0), nullptr);
  ledger.add(some_tasks(100, 3, 4));
  ledger.add(some_tasks(500, 2, 10));
  EXPECT_EQ(ledger.end_ordinal(), 5u);
  EXPECT_EQ(ledger.front_ordinal(), 0u);
  EXPECT_EQ(ledger.unfinished(), 5u);
  EXPECT_EQ(ledger.unfinished_bytes(), 32u);
  ASSERT_NE(ledger.batch_of(2), nullptr);
  EXPECT_EQ(ledger.batch_of(2)->index_of(2), 102u);
  EXPECT_EQ(ledger.batch_of(3)->index_of(3), 500u);
  EXPECT_EQ(ledger.batch_of(5), nullptr);
}

TEST(task_ledger, books_each_task_as_finished_once) {
  task_ledger ledger;
  ledger.add(some_tasks(0, 4));
  ledger.add(some_tasks(4, 2));
  EXPECT_TRUE(ledger.finish(*ledger.batch_of(1), 1, 3));
  EXPECT_EQ(ledger.front_ordinal(), 0u);
  EXPECT_EQ(ledger.unfinished(), 4u);
  EXPECT_EQ(ledger.unfinished_bytes(), 16u);
  EXPECT_FALSE(ledger.finish(*ledger.batch_of(2), 2, 4)) << "one of them is finished";
  EXPECT_EQ(ledger.unfinished(), 4u);
  EXPECT_TRUE(ledger.finished_any_from(2));
  EXPECT_FALSE(ledger.finished_any_from(3));
  EXPECT_TRUE(ledger.finish(*ledger.batch_of(0), 0, 1));
  EXPECT_EQ(ledger.front_ordinal(), 3u);
  EXPECT_TRUE(ledger.finish(*ledger.batch_of(3), 3, 4));
  ledger.drop_finished();
  EXPECT_EQ(ledger.batches().size(), 1u);
  EXPECT_EQ(ledger.front_ordinal(), 4u);
  EXPECT_EQ(ledger.batch_of(3), nullptr) << "it is gone";
}

TEST(task_ledger, gives_out_again_what_is_taken_back_and_numbers_on_from_there) {
  task_ledger ledger;
  ledger.add(some_tasks(0, 4));
  ledger.add(some_tasks(10, 3));
  ledger.add(some_tasks(20, 2));
  const task_bundles taken = ledger.take_from(2);
  ASSERT_EQ(taken.size(), 3u);
  EXPECT_EQ(taken.front().first_index, 2u);
  EXPECT_EQ(taken.front().count(), 2u);
  EXPECT_EQ(std::next(taken.begin())->first_index, 10u);
  EXPECT_EQ(taken.back().first_index, 20u);
  EXPECT_EQ(ledger.end_ordinal(), 2u);
  EXPECT_EQ(ledger.unfinished(), 2u);
  EXPECT_EQ(ledger.unfinished_bytes(), 8u);
  ledger.add(some_tasks(30, 1));
  EXPECT_EQ(ledger.batch_of(2)->index_of(2), 30u);
}

TEST(task_ledger, drops_a_batch_of_which_all_that_is_left_was_taken_back) {
  task_ledger ledger;
  ledger.add(some_tasks(0, 4));
  EXPECT_TRUE(ledger.finish(*ledger.batch_of(0), 0, 2));
  EXPECT_EQ(ledger.take_from(2).front().count(), 2u);
  EXPECT_TRUE(ledger.empty());
  EXPECT_EQ(ledger.unfinished(), 0u);
  EXPECT_EQ(ledger.front_ordinal(), 2u);
}

TEST(task_ledger, takes_nothing_back_from_its_end) {
  task_ledger ledger;
  ledger.add(some_tasks(0, 4));
  EXPECT_TRUE(ledger.take_from(4).empty());
  EXPECT_EQ(ledger.unfinished(), 4u);
}

TEST(task_ledger, goes_on_behind_tasks_that_went_past_it) {
  task_ledger ledger;
  ledger.skip_to(7);
  EXPECT_EQ(ledger.front_ordinal(), 7u);
  ledger.add(some_tasks(1, 1));
  EXPECT_EQ(ledger.batch_of(7)->index_of(7), 1u);
  EXPECT_EQ(ledger.end_ordinal(), 8u);
}

// What was finished out of order cannot be given back, and nothing of it is lost from sight when the rest is.
TEST(handed_batch, are_finished_or_given_back_and_never_both) {
  encoded_values inputs;
  for (int i = 0; i < 10; ++i) {
    inputs.open() += "abcd";
    inputs.close();
  }
  handed_batch batch(100, {.first_index = 0, .terms = {}, .inputs = std::move(inputs), .deaths = 0});
  EXPECT_EQ(batch.untouched_ordinal(), 100u);
  EXPECT_TRUE(batch.finish(100, 102));
  EXPECT_EQ(batch.untouched_ordinal(), 102u);
  EXPECT_TRUE(batch.finish(104, 106));
  EXPECT_EQ(batch.untouched_ordinal(), 106u);
  EXPECT_FALSE(batch.finish(105, 106));
  EXPECT_EQ(batch.cut(106).count(), 4u);
  EXPECT_EQ(batch.unfinished(), 2u);
  EXPECT_TRUE(batch.finish(102, 104));
  EXPECT_EQ(batch.unfinished(), 0u);
  EXPECT_EQ(batch.untouched_ordinal(), 106u);
}

}  // namespace task_ledgers
