// The word by which a worker claims tasks and gives them back, on a page that two processes share; here both ends are
// one.

#include "process/channel/progress_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

namespace progress_pages {

using fanout::detail::progress_page;

const std::atomic<std::uint32_t> no_end{~std::uint32_t{0}};

TEST(progress_page, has_tasks_claimed_in_order_up_to_what_is_allowed) {
  const auto page = progress_page::create(1);
  std::uint32_t ordinal = 99;
  EXPECT_FALSE(page.claim(no_end, ordinal));
  page.allow(2);
  EXPECT_TRUE(page.claim(no_end, ordinal));
  EXPECT_EQ(ordinal, 0u);
  EXPECT_EQ(page.started(0), 1u);
  EXPECT_TRUE(page.claim(no_end, ordinal));
  EXPECT_EQ(ordinal, 1u);
  EXPECT_FALSE(page.claim(no_end, ordinal));
  EXPECT_EQ(page.next(), 2u);
  EXPECT_EQ(page.allowed(), 2u);
}

TEST(progress_page, stops_at_the_end_of_a_batch) {
  const auto page = progress_page::create(1);
  page.allow(5);
  const std::atomic<std::uint32_t> end{1};
  std::uint32_t ordinal = 0;
  EXPECT_TRUE(page.claim(end, ordinal));
  EXPECT_FALSE(page.claim(end, ordinal));
  EXPECT_TRUE(page.claim(no_end, ordinal));
}

TEST(progress_page, withdraws_what_is_not_claimed) {
  const auto page = progress_page::create(1);
  page.allow(10);
  std::uint32_t ordinal = 0;
  page.claim(no_end, ordinal);
  EXPECT_EQ(page.withdraw(3), 4u) << "one is claimed, three are kept";
  EXPECT_EQ(page.allowed(), 4u);
  EXPECT_EQ(page.withdraw(100), 4u);
  EXPECT_EQ(page.withdraw(0), 1u);
  EXPECT_FALSE(page.claim(no_end, ordinal));
}

TEST(progress_page, claims_each_task_once_or_withdraws_it) {
  const auto page = progress_page::create(4);
  constexpr std::uint32_t count = 20'000;
  page.allow(count);
  std::vector<std::atomic<int>> claimed(count);
  std::vector<std::thread> lanes;
  for (int lane = 0; lane < 3; ++lane)
    lanes.emplace_back([&] {
      std::uint32_t ordinal = 0;
      while (page.claim(no_end, ordinal)) ++claimed[ordinal];
    });
  const std::uint32_t end = page.withdraw(0);
  for (std::thread& each : lanes) each.join();
  for (std::uint32_t i = 0; i < count; ++i) EXPECT_EQ(claimed[i], i < end ? 1 : 0) << i;
}

TEST(progress_page, counts_beyond_32_bits) {
  EXPECT_EQ(progress_page::extend(5, (std::uint64_t{3} << 32) + 2), (std::uint64_t{3} << 32) + 5);
  EXPECT_EQ(progress_page::extend(1, (std::uint64_t{1} << 32) - 2), (std::uint64_t{1} << 32) + 1);
  EXPECT_EQ(progress_page::extend(0xffff'ffff, std::uint64_t{1} << 32), (std::uint64_t{1} << 32) - 1);
}

TEST(progress_page, is_the_same_memory_for_both_ends_and_cannot_be_cut_short) {
  auto parents = progress_page::create(2);
  const auto workers = progress_page::open(fcntl(parents.descriptor(), F_DUPFD_CLOEXEC, 0), 2);
  EXPECT_NE(ftruncate(parents.descriptor(), 0), 0);
  parents.close_descriptor();
  workers.allow(1);
  std::uint32_t ordinal = 0;
  EXPECT_TRUE(workers.claim(no_end, ordinal));
  EXPECT_EQ(parents.started(0), 1u);
  workers.lane(1).task.store(7);
  EXPECT_EQ(parents.lane(1).task.load(), 7u);
  workers.set_preparing(true);
  EXPECT_TRUE(parents.preparing());
}

}  // namespace progress_pages
