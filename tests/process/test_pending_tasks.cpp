// Tasks that no worker has: each goes out once, to a worker or with a reason.

#include "process/supervised.hpp"
#include "process/supervisor/pending_tasks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace pending_task_tests {

using namespace fanout;
using namespace fanout::detail;
using test::some_tasks;
using testing::ElementsAre;
using testing::Pair;

class pending : public testing::Test {
 protected:
  void give_back(task_bundle tasks) {
    task_bundles list;
    list.push_back(std::move(tasks));
    waiting.return_last(list);
  }
  void suspect(std::uint64_t index) {
    task_bundles list;
    list.push_back(some_tasks(index, 1));
    list.back().deaths = 1;
    waiting.suspect(list);
  }

  std::map<std::uint64_t, failure_kind> ended;
  pending_tasks waiting{[this](std::uint64_t index, const failure& reason) {
    EXPECT_TRUE(ended.emplace(index, reason.kind).second) << index << " has ended before";
  }};
};

TEST_F(pending, hands_on_what_was_given_back_and_shares_it_out) {
  EXPECT_TRUE(waiting.empty());
  EXPECT_FALSE(waiting.next(10, 2));
  give_back(some_tasks(0, 10));
  auto next = waiting.next(100, 2);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->count(), 6u) << "the other worker gets as many";
  next = waiting.next(2, 1);
  EXPECT_EQ(next->first_index, 6u);
  EXPECT_EQ(next->count(), 2u);
  next = waiting.next(100, 1);
  EXPECT_EQ(next->first_index, 8u);
  EXPECT_EQ(next->count(), 2u);
  EXPECT_EQ(next->inputs[0], "iiii");
  EXPECT_TRUE(waiting.empty());
}

TEST_F(pending, keeps_their_order) {
  give_back(some_tasks(5, 1));
  task_bundles first;
  first.push_back(some_tasks(1, 1));
  first.push_back(some_tasks(2, 1));
  waiting.return_first(first);
  EXPECT_TRUE(first.empty());
  for (const std::uint64_t index : {1u, 2u, 5u}) EXPECT_EQ(waiting.next(9, 1)->first_index, index);
}

TEST_F(pending, keeps_suspects_apart) {
  suspect(7);
  EXPECT_FALSE(waiting.empty());
  EXPECT_FALSE(waiting.any_returned());
  EXPECT_TRUE(waiting.any_suspects());
  EXPECT_FALSE(waiting.next(1, 1));
  EXPECT_EQ(waiting.next_suspect().first_index, 7u);
  EXPECT_TRUE(waiting.empty());
}

TEST_F(pending, takes_back_what_could_not_be_handed_over) {
  give_back(some_tasks(9, 1));
  waiting.hold(some_tasks(3, 2));
  waiting.put_back();
  EXPECT_EQ(waiting.next(9, 1)->first_index, 3u) << "it comes first";
  task_bundle again = some_tasks(4, 1);
  again.deaths = 1;
  waiting.hold(std::move(again));
  waiting.put_back();
  EXPECT_TRUE(waiting.any_suspects());
}

TEST_F(pending, ends_what_nobody_wants_and_keeps_the_rest) {
  give_back(some_tasks(0, 6));
  suspect(6);
  suspect(8);
  EXPECT_FALSE(waiting.any_cancelled());
  waiting.cancel([](std::uint64_t index) { return index % 3 == 1 || index == 6; });
  EXPECT_TRUE(waiting.any_cancelled());
  EXPECT_TRUE(waiting.cancelled(4));
  EXPECT_FALSE(waiting.cancelled(5));
  EXPECT_THAT(ended, ElementsAre(Pair(1, failure_kind::cancelled), Pair(4, failure_kind::cancelled),
                                 Pair(6, failure_kind::cancelled)));
  std::vector<std::uint64_t> left;
  while (const auto next = waiting.next(1, 1)) left.push_back(next->first_index);
  EXPECT_THAT(left, ElementsAre(0, 2, 3, 5));
  ASSERT_TRUE(waiting.any_suspects());
  EXPECT_EQ(waiting.next_suspect().first_index, 8u);
}

TEST_F(pending, looks_at_what_comes_later) {
  waiting.cancel([](std::uint64_t index) { return index >= 2; });
  task_bundles taken;
  taken.push_back(some_tasks(0, 4));
  waiting.drop_unwanted(taken);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken.front().count(), 2u);
  EXPECT_EQ(ended.size(), 2u);
}

TEST_F(pending, ends_all_that_is_anywhere) {
  give_back(some_tasks(0, 2));
  suspect(5);
  waiting.hold(some_tasks(8, 2));
  waiting.end_all([] { return failure{.kind = failure_kind::worker_died}; });
  EXPECT_THAT(ended, ElementsAre(Pair(0, failure_kind::worker_died), Pair(1, failure_kind::worker_died),
                                 Pair(5, failure_kind::worker_died), Pair(8, failure_kind::worker_died),
                                 Pair(9, failure_kind::worker_died)));
  EXPECT_TRUE(waiting.empty());
  waiting.end_all([] { return failure{}; });
  EXPECT_EQ(ended.size(), 5u);
}

TEST_F(pending, does_not_end_what_was_handed_over) {
  waiting.hold(some_tasks(8, 2));
  waiting.let_go();
  waiting.end_all([] { return failure{}; });
  EXPECT_TRUE(ended.empty());
}

}  // namespace pending_task_tests
