// The one primitive, as its callers see it, on the lanes of this process. (process/test_conformance.cpp runs the same
// program under every shape.)

#include <fanout/core/run.hpp>

#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace fanout {
namespace {

class runs : public test::leak_checked {};

int twice(int x) {
  return 2 * x;
}
int odd_fails(int x) {
  if (x % 2 == 1) throw std::invalid_argument("odd");
  return x;
}

TEST_F(runs, hand_over_each_outcome_once_and_count_failures) {
  options how(threads(3));
  how.on_error = on_error::collect;
  std::vector<int> indices(10, 0);
  int failed = 0;
  const report cost = run(how, odd_fails, std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, [&](const outcome<int>& out) {
    ++indices[out.index];
    if (!out.ok()) ++failed;
  });
  EXPECT_THAT(indices, testing::Each(1));
  EXPECT_EQ(failed, 5);
  EXPECT_EQ(cost.tasks, 10U);
  EXPECT_EQ(cost.failures, 5U);
  EXPECT_EQ(cost.threads, 3U);
  EXPECT_EQ(cost.processes, 1U);
  EXPECT_FALSE(cost.stopped);
}

TEST_F(runs, give_the_input_to_a_sink_that_takes_it) {
  std::vector<std::pair<std::string, std::size_t>> seen;
  run(
      sync(), [](const std::string& text) { return text.size(); }, std::vector<std::string>{"a", "bcd"},
      [&](const outcome<std::size_t>& out, const std::string& input) { seen.emplace_back(input, out.value()); });
  EXPECT_THAT(seen, testing::ElementsAre(std::pair("a", 1U), std::pair("bcd", 3U)));
}

TEST_F(runs, take_listed_inputs) {
  int sum = 0;
  run(sync(), twice, {1, 2, 3}, [&](const outcome<int>& out) { sum += out.value(); });
  EXPECT_EQ(sum, 12);
}

TEST_F(runs, of_nothing_end_at_once_under_each_shape) {
  for (const shape& each : {sync(), threads(4), async(4), automatic()}) {
    const report cost = run(each, test::echo, std::vector<int>(), [](const outcome<int>&) { FAIL(); });
    EXPECT_EQ(cost.tasks, 0U);
    EXPECT_FALSE(cost.stopped);
  }
}

TEST_F(runs, rethrow_what_the_source_throws_after_the_tasks_under_way) {
  for (const shape& each : {threads(3), async(3)}) {
    int pulled = 0;
    int finished = 0;
    const auto broken = [&]() -> std::optional<int> {
      if (++pulled > 5) throw std::domain_error("the list is broken");
      return pulled;
    };
    EXPECT_THROW(run(each, test::echo, broken, [&](const outcome<int>&) { ++finished; }), std::domain_error);
    EXPECT_LE(finished, 5);
    EXPECT_EQ(pulled, 6) << "it is not asked again";
  }
}

TEST_F(runs, rethrow_what_the_sink_throws_and_hand_over_nothing_more) {
  for (const shape& each : {threads(3), async(3)}) {
    int handed_over = 0;
    EXPECT_THROW(run(each, test::echo, std::vector<int>(100, 1),
                     [&](const outcome<int>&) {
                       if (++handed_over == 3) throw std::range_error("disk full");
                     }),
                 std::range_error);
    EXPECT_EQ(handed_over, 3);
  }
}

TEST_F(runs, nest) {
  int sum = 0;
  run(
      threads(2),
      [](int outer) {
        int inner_sum = 0;
        run(threads(2), twice, {outer, outer + 1}, [&](const outcome<int>& out) { inner_sum += out.value(); });
        return inner_sum;
      },
      {10, 20}, [&](const outcome<int>& out) { sum += out.value(); });
  EXPECT_EQ(sum, 2 * (10 + 11 + 20 + 21));
}

TEST_F(runs, refuse_a_shape_that_cannot_run_the_task_before_anything_is_pulled) {
  int pulled = 0;
  const auto source = [&]() -> std::optional<int> { return ++pulled; };
  const auto sink = [](const outcome<int>&) {};
  EXPECT_THROW(run(async(4), twice, source, sink), std::invalid_argument) << "a blocking task holds its thread";
  EXPECT_THROW(run(processes(2), twice, source, sink), std::invalid_argument) << "a plain function cannot travel";
  shape none = sync();
  none.threads = 0;
  EXPECT_THROW(run(none, twice, source, sink), std::invalid_argument);
  EXPECT_EQ(pulled, 0);
}

}  // namespace
}  // namespace fanout
