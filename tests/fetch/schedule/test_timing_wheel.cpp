#include "fetch/schedule/timing_wheel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

namespace {

using fanout::fetch::id_list;
using fanout::fetch::timing_wheel;

struct waiting_ids {
  std::vector<std::uint32_t> link_of{0};
  std::vector<std::uint64_t> due_of{0};
  timing_wheel wheel;

  auto links() {
    return [this](std::uint32_t id) -> std::uint32_t& { return link_of[id]; };
  }

  std::uint32_t add(std::uint64_t due) {
    link_of.push_back(0);
    due_of.push_back(due);
    const auto id = static_cast<std::uint32_t>(link_of.size() - 1);
    wheel.insert(id, due, links());
    return id;
  }
  std::vector<std::uint32_t> advance(std::uint64_t tick) {
    id_list out;
    wheel.advance(tick, out, links(), [this](std::uint32_t id) { return due_of[id]; });
    std::vector<std::uint32_t> ids;
    while (!out.empty()) ids.push_back(out.pop_front(links()));
    return ids;
  }
};

TEST(timing_wheel, gives_each_id_at_its_tick_and_not_before) {
  for (const std::uint64_t begin : {0U, 1U, 255U, 256U, 65'535U, 16'777'215U, 4'294'967'295U}) {
    for (const std::uint64_t wait :
         {1U, 2U, 255U, 256U, 257U, 511U, 65'535U, 65'536U, 65'793U, 16'777'216U, 4'000'000'000U}) {
      waiting_ids ids;
      ids.advance(begin);
      const auto id = ids.add(begin + wait);
      EXPECT_TRUE(ids.advance(begin + wait - 1).empty()) << begin << " + " << wait;
      EXPECT_EQ(ids.advance(begin + wait), std::vector{id}) << begin << " + " << wait;
      EXPECT_EQ(ids.wheel.size(), 0U);
    }
  }
}

TEST(timing_wheel, what_is_due_already_comes_at_the_next_tick) {
  waiting_ids ids;
  ids.advance(1'000);
  ids.add(3);
  ids.add(1'000);
  EXPECT_EQ(ids.wheel.next_event(), 1'001U);
  EXPECT_TRUE(ids.advance(1'000).empty());
  EXPECT_EQ(ids.advance(1'001), (std::vector<std::uint32_t>{1, 2}));
}

TEST(timing_wheel, beyond_its_horizon_comes_early_and_never_late) {
  waiting_ids ids;
  const std::uint64_t far = timing_wheel::horizon * 3;
  ids.add(far);
  std::uint64_t due = 0;
  while (ids.wheel.size() > 0) {
    due = ids.wheel.next_event();
    ASSERT_LE(due, far);
    for (const auto id : ids.advance(due))
      if (due < far) ids.wheel.insert(id, far, ids.links());
  }
  EXPECT_EQ(due, far);
}

TEST(timing_wheel, ids_of_one_tick_come_in_order) {
  waiting_ids ids;
  for (int i = 0; i < 100; ++i) ids.add(70'000);
  const auto out = ids.advance(80'000);
  EXPECT_EQ(out.size(), 100U);
  EXPECT_TRUE(std::is_sorted(out.begin(), out.end()));
}

TEST(timing_wheel, next_event_is_never_after_the_first_that_is_due) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 50; ++round) {
    waiting_ids ids;
    std::multimap<std::uint64_t, std::uint32_t> model;
    std::uint64_t now = random() % 1'000'000;
    ids.advance(now);
    for (int step = 0; step < 400; ++step) {
      for (auto adds = random() % 4; adds > 0; --adds) {
        const auto due = now + 1 + random() % (std::uint64_t{1} << random() % 30);
        model.emplace(due, ids.add(due));
      }
      if (model.empty()) {
        ASSERT_EQ(ids.wheel.next_event(), timing_wheel::never);
        continue;
      }
      ASSERT_LE(ids.wheel.next_event(), model.begin()->first);
      ASSERT_GT(ids.wheel.next_event(), now);
      now = random() % 2 != 0 ? ids.wheel.next_event() : now + random() % (std::uint64_t{1} << random() % 28);
      auto out = ids.advance(now);
      std::vector<std::uint32_t> expected;
      while (!model.empty() && model.begin()->first <= now) {
        expected.push_back(model.begin()->second);
        model.erase(model.begin());
      }
      std::sort(out.begin(), out.end());
      std::sort(expected.begin(), expected.end());
      ASSERT_EQ(out, expected);
      ASSERT_EQ(ids.wheel.size(), model.size());
    }
  }
}

}  // namespace
