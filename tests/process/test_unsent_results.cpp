// A worker that dies takes along what it was at, and nothing that it had finished.
#include <fanout/fanout.hpp>

#include "process/channel/unsent_results.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace unsent {

using namespace fanout;
using namespace fanout::detail;

bool kills(int x) {
  return x == 5'000 || x == 5'001 || x == 9'000 || x == 19'999;
}

int negate(int x) {
  if (kills(x)) raise(SIGKILL);
  return -x;
}

/// Results of many sizes, and now and then none.
std::string spell(int x) {
  if (kills(x)) raise(SIGKILL);
  if (x % 100 == 7) throw std::runtime_error("no " + std::to_string(x));
  return std::string(static_cast<std::size_t>(x % 9), 'x');
}

options collecting(const shape& how) {
  options made(how);
  made.on_error = on_error::collect;
  return made;
}

template <class T>
std::vector<std::uint64_t> died(const std::vector<outcome<T>>& all) {
  std::vector<std::uint64_t> indices;
  for (const auto& out : all)
    if (!out.ok() && out.error().kind == failure_kind::worker_died) indices.push_back(out.index);
  return indices;
}

// Tiny tasks are sent once a millisecond: what was ready in the millisecond before the kill would be lost.
TEST(unsent_results, tiny_tasks_that_were_finished_outlive_their_worker) {
  for (const std::uint32_t processes : {1U, 2U}) {
    const auto all =
        map_outcomes(collecting(fanout::processes(processes)), remote<negate>, std::views::iota(0, 20'000));
    ASSERT_EQ(all.size(), 20'000U);
    EXPECT_THAT(died(all), testing::ElementsAre(5'000, 5'001, 9'000, 19'999));
    for (int x = 0; x < 20'000; ++x) ASSERT_TRUE(kills(x) || all[static_cast<std::size_t>(x)].value() == -x) << x;
  }
}

TEST(unsent_results, values_of_many_sizes_and_failures_do_so_too) {
  const auto all = map_outcomes(collecting(processes(2)), remote<spell>, std::views::iota(0, 20'000));
  ASSERT_EQ(all.size(), 20'000U);
  EXPECT_THAT(died(all), testing::ElementsAre(5'000, 5'001, 9'000, 19'999));
  for (int x = 0; x < 20'000; ++x) {
    const auto& out = all[static_cast<std::size_t>(x)];
    if (kills(x)) continue;
    ASSERT_EQ(out.ok(), x % 100 != 7) << x;
    ASSERT_TRUE(out.ok() ? out.value().size() == static_cast<std::size_t>(x % 9)
                         : out.error().kind == failure_kind::task_failed)
        << x;
  }
}

TEST(unsent_results, a_pool_delivers_them_as_well) {
  process_pool pool({.processes = 2});
  options how;
  how.on_error = on_error::collect;
  const auto all = map_outcomes(pool.with(how), remote<negate>, std::views::iota(0, 20'000));
  EXPECT_THAT(died(all), testing::ElementsAre(5'000, 5'001, 9'000, 19'999));
}

/// Three results of the sizes 1, 2 and 3.
std::unique_ptr<unsent_results> three_results() {
  auto made = std::make_unique<unsent_results>();
  std::memset(static_cast<void*>(made.get()), 0, sizeof *made);
  auto& run = made->collected;
  run.first_ordinal = 40;
  std::memcpy(run.bytes.data(), "abbccc", 6);
  for (const std::uint32_t i : {0U, 1U, 2U}) {
    run.ends[i] = 100 * (i + 1);
    run.value_ends[i] = (i + 1) * (i + 2) / 2;
  }
  run.varying.store(1);
  run.complete.store(3);
  return made;
}

TEST(unsent_results, what_is_left_behind_reads_like_a_frame_of_results) {
  const auto left = three_results()->left_behind();
  std::string_view payload = left;
  const auto results = take_results(payload);
  ASSERT_TRUE(results);
  EXPECT_TRUE(payload.empty());
  EXPECT_EQ(results->header.first_ordinal, 40U);
  ASSERT_EQ(results->values.count(), 3U);
  EXPECT_EQ(results->values[0], "a");
  EXPECT_EQ(results->values[1], "bb");
  EXPECT_EQ(results->values[2], "ccc");
}

TEST(unsent_results, what_a_crash_wrote_over_is_nothing) {
  for (const std::uint32_t count : {unsent_results::run_tasks + 1, ~0U}) {
    const auto made = three_results();
    made->collected.complete.store(count);
    made->framed.store(count * 64);
    EXPECT_EQ(made->left_behind(), "") << count;
  }
  const auto made = three_results();
  made->collected.value_ends[2] = ~0U;
  EXPECT_EQ(made->left_behind(), "");
  const auto crossed = three_results();
  std::swap(crossed->collected.value_ends[0], crossed->collected.value_ends[1]);
  const auto left = crossed->left_behind();
  std::string_view payload = left;
  EXPECT_FALSE(take_results(payload));
}

}  // namespace unsent
