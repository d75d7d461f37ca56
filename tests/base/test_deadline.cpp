#include <fanout/base/deadline.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using clock = deadline_list::clock;

struct entry : deadline_entry {
  explicit entry(std::function<void()> action = [] {}) : action_(std::move(action)) {}
  int fired = 0;

 private:
  void on_deadline() override {
    ++fired;
    action_();
  }
  std::function<void()> action_;
};

TEST(deadline_list, expires_after_the_deadline_and_never_before) {
  asio::io_context loop;
  deadline_list deadlines(loop);
  const auto deadline = clock::now() + 20ms;
  clock::time_point seen;
  entry one([&] { seen = clock::now(); });
  deadlines.arm(one, deadline);
  loop.run();
  EXPECT_EQ(one.fired, 1);
  EXPECT_GE(seen, deadline);
  EXPECT_FALSE(one.armed());
}

TEST(deadline_list, an_empty_list_lets_the_loop_end) {
  asio::io_context loop;
  deadline_list deadlines(loop);
  entry far;
  deadlines.arm(far, clock::now() + 1h);
  deadlines.disarm(far);
  loop.run();  // would last an hour if the timer were left set
  EXPECT_EQ(far.fired, 0);
}

TEST(deadline_list, one_at_the_end_of_time_never_expires_and_keeps_no_loop) {
  asio::io_context loop;
  deadline_list deadlines(loop);
  entry never;
  deadlines.arm(never, clock::time_point::max());
  loop.run();
  EXPECT_EQ(never.fired, 0);
  entry soon;
  deadlines.arm(soon, clock::now());
  loop.restart();
  loop.run();  // for good if the sweep had set the timer for what never comes
  EXPECT_EQ(soon.fired, 1);
  EXPECT_EQ(never.fired, 0);
  EXPECT_TRUE(never.armed());
}

TEST(deadline_list, a_destroyed_entry_leaves_the_list) {
  asio::io_context loop;
  deadline_list deadlines(loop);
  {
    entry gone;
    deadlines.arm(gone, clock::now() + 1h);
    EXPECT_EQ(deadlines.size(), 1u);
  }
  EXPECT_EQ(deadlines.size(), 0u);
  loop.run();
}

TEST(deadline_list, an_earlier_deadline_armed_later_is_not_missed) {
  asio::io_context loop;
  deadline_list deadlines(loop);
  entry late([&] {}), soon([&] { deadlines.disarm(late); });
  deadlines.arm(late, clock::now() + 1h);
  deadlines.arm(soon, clock::now() + 10ms);
  loop.run();
  EXPECT_EQ(soon.fired, 1);
  EXPECT_EQ(late.fired, 0);
}

TEST(deadline_list, moving_a_deadline_replaces_it) {
  asio::io_context loop;
  deadline_list deadlines(loop);
  entry moved;
  deadlines.arm(moved, clock::now() + 1h);
  deadlines.arm(moved, clock::now() + 5ms);
  EXPECT_EQ(deadlines.size(), 1u);
  loop.run();
  EXPECT_EQ(moved.fired, 1);
}

TEST(deadline_list, entries_may_destroy_and_rearm_each_other_while_expiring) {
  asio::io_context loop;
  deadline_list deadlines(loop);
  std::vector<std::unique_ptr<entry>> all;
  int fired = 0;
  const auto past = clock::now() - 1ms;
  for (int i = 0; i < 10; ++i) {
    all.push_back(std::make_unique<entry>([&all, &fired, &deadlines, i] {
      ++fired;
      if (i % 2 == 1) all[static_cast<std::size_t>(i - 1)].reset();  // a neighbour, due or already expired
      if (i == 9) deadlines.arm(*all[7], clock::now() + 5ms);        // due, or already expired: expires (again) later
    }));
    deadlines.arm(*all.back(), past);
  }
  loop.run();
  EXPECT_EQ(deadlines.size(), 0u);
  EXPECT_GE(fired, 5);
  EXPECT_GE(all[7]->fired, 1);
}

TEST(deadline_list, the_list_may_be_destroyed_by_an_expiring_entry) {
  asio::io_context loop;
  auto deadlines = std::make_unique<deadline_list>(loop);
  entry other, last([&] { deadlines.reset(); });
  deadlines->arm(other, clock::now() + 1h);
  deadlines->arm(last, clock::now());
  loop.run();
  EXPECT_EQ(last.fired, 1);
  EXPECT_FALSE(other.armed());
}

}  // namespace
