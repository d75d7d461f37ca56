// The book of what was sent to a node.

#include "process/node/sent_batches.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sent_batches_tests {

using namespace fanout::detail;

encoded_values letters(int count) {
  encoded_values made;
  for (int i = 0; i < count; ++i) {
    made.open() += static_cast<char>('a' + i);
    made.close();
  }
  return made;
}

TEST(sent_batches, a_task_has_one_outcome) {
  sent_batches sent;
  sent.add(10, 3, 3, 1, {}, std::nullopt);
  EXPECT_FALSE(sent.finish(9));
  EXPECT_FALSE(sent.finish(13));
  ASSERT_TRUE(sent.finish(11));
  EXPECT_FALSE(sent.finish(11)) << "twice, while others of its batch are open";
  EXPECT_EQ(sent.count(), 2u);
  EXPECT_EQ(sent.bytes(), 3u) << "bytes count until the batch has ended";
  ASSERT_TRUE(sent.finish(10));
  ASSERT_TRUE(sent.finish(12));
  EXPECT_FALSE(sent.finish(12)) << "twice, after the batch has ended";
  EXPECT_EQ(sent.count(), 0u);
  EXPECT_EQ(sent.bytes(), 0u);
}

TEST(sent_batches, what_is_open_is_tried_again_as_often_as_it_may_be) {
  sent_batches sent;
  sent.add(0, 5, 5, 1, {}, letters(5));
  sent.add(20, 2, 2, 2, {}, letters(2));
  sent.finish(2);
  std::vector<input_batch> again;
  std::vector<sent_batches::open_task> without;
  sent.take_open(1, again, without);
  ASSERT_EQ(again.size(), 2u) << "indices of a batch have no gap";
  EXPECT_EQ(again[0].first_index, 0u);
  EXPECT_EQ(again[0].inputs.count(), 2u);
  EXPECT_EQ(again[1].first_index, 3u);
  EXPECT_EQ(again[1].inputs[0], "d");
  EXPECT_EQ(again[1].attempt, 2u);
  ASSERT_EQ(without.size(), 2u) << "they were tried twice";
  EXPECT_EQ(without[0].index, 20u);
  EXPECT_EQ(without[0].attempt, 2u);
  EXPECT_EQ(sent.count(), 0u);
}

TEST(sent_batches, what_was_not_kept_is_not_tried_again) {
  sent_batches sent;
  sent.add(0, 2, 2, 1, {}, std::nullopt);
  std::vector<input_batch> again;
  std::vector<sent_batches::open_task> without;
  sent.take_open(5, again, without);
  EXPECT_TRUE(again.empty());
  EXPECT_EQ(without.size(), 2u);
}

}  // namespace sent_batches_tests
