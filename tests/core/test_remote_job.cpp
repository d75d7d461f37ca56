// Results that came together, as those who carry and deliver them see them.

#include <fanout/core/detail/remote_job.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fanout::detail {
namespace {

using namespace std::chrono_literals;

/// Results of tasks from index 10 on, the first of which started at the point in time 1 s.
struct given_results {
  explicit given_results(const std::vector<std::string>& texts, const std::vector<std::uint32_t>& ends_ns) {
    first.index = 10;
    first.lane = 3;
    first.cpu = 5ns;
    first.started = outcome_facts::clock::time_point(1s);
    first.finished = first.started + 40ns;
    for (const std::string& each : texts) {
      values.open() += each;
      EXPECT_TRUE(values.close());
    }
    for (const std::uint32_t each : ends_ns) ends.append(reinterpret_cast<const char*>(&each), sizeof each);
  }
  result_batch batch() const { return {first, ends, values.view()}; }

  outcome_facts first;
  std::string ends;
  encoded_values values;
};

TEST(result_batch, of_one_has_the_facts_it_was_given) {
  const given_results one({"abc"}, {});
  const result_batch batch = one.batch();
  EXPECT_EQ(batch.count(), 1U);
  EXPECT_EQ(batch.first_index(), 10U);
  EXPECT_EQ(batch.value(0), "abc");
  EXPECT_EQ(batch.facts(0).finished - batch.facts(0).started, 40ns);
  EXPECT_EQ(batch.elapsed(), 40ns);
  EXPECT_EQ(batch.facts(0).lane, 3U);
}

TEST(result_batch, each_task_starts_as_the_one_before_it_ends) {
  const given_results three({"a", "bb", ""}, {10, 15, 45});
  const result_batch batch = three.batch();
  for (std::uint32_t i = 0; i < 3; ++i) EXPECT_EQ(batch.facts(i).index, 10U + i);
  EXPECT_EQ(batch.facts(0).started, three.first.started);
  EXPECT_EQ(batch.facts(0).finished - three.first.started, 10ns);
  EXPECT_EQ(batch.facts(1).started - three.first.started, 10ns);
  EXPECT_EQ(batch.facts(1).finished - three.first.started, 15ns);
  EXPECT_EQ(batch.facts(2).elapsed(), 30ns);
  EXPECT_EQ(batch.elapsed(), 45ns);
  EXPECT_EQ(batch.value(1), "bb");
  EXPECT_EQ(batch.value(2), "");
}

TEST(result_batch, values_of_one_size_are_given_together_and_others_are_not) {
  const given_results same({"ab", "cd", "ef"}, {1, 2, 3});
  ASSERT_NE(same.batch().values_of_size(2), nullptr);
  EXPECT_EQ(std::string_view(same.batch().values_of_size(2), 6), "abcdef");
  EXPECT_EQ(same.batch().values_of_size(4), nullptr);
  EXPECT_EQ(same.batch().part(1, 2, 99).values_of_size(2)[0], 'c');
  const given_results mixed({"ab", "c"}, {1, 2});
  EXPECT_EQ(mixed.batch().values_of_size(2), nullptr);
}

TEST(result_batch, a_part_keeps_the_times_and_takes_another_index) {
  const given_results four({"a", "b", "c", "d"}, {10, 20, 30, 40});
  const result_batch part = four.batch().part(1, 2, 70);
  EXPECT_EQ(part.count(), 2U);
  EXPECT_EQ(part.first_index(), 70U);
  EXPECT_EQ(part.facts(1).index, 71U);
  EXPECT_EQ(part.value(0), "b");
  EXPECT_EQ(part.facts(0).started - four.first.started, 10ns);
  EXPECT_EQ(part.facts(1).finished - four.first.started, 30ns);
  EXPECT_EQ(part.elapsed(), 20ns);
  const result_batch inner = part.part(1, 1, 5);
  EXPECT_EQ(inner.value(0), "c");
  EXPECT_EQ(inner.facts(0).index, 5U);
}

TEST(result_batch, a_copy_of_a_part_makes_the_same_results_again) {
  const given_results four({"a", "bb", "ccc", "d"}, {10, 20, 30, 45});
  const result_batch part = four.batch().part(1, 3, 70);
  std::string ends;
  encoded_values values;
  const outcome_facts first = part.copy_to(ends, values);
  const result_batch copy(first, ends, values.view());
  ASSERT_EQ(copy.count(), part.count());
  for (std::uint32_t i = 0; i < part.count(); ++i) {
    EXPECT_EQ(copy.value(i), part.value(i));
    EXPECT_EQ(copy.facts(i).index, part.facts(i).index);
    EXPECT_EQ(copy.facts(i).started, part.facts(i).started);
    EXPECT_EQ(copy.facts(i).finished, part.facts(i).finished);
  }
}

TEST(worker_backend, that_is_installed_is_found) {
  EXPECT_TRUE(worker_backend_installed()) << "main has called init";
  EXPECT_EQ(&installed_worker_backend(), &installed_worker_backend());
}

}  // namespace
}  // namespace fanout::detail
