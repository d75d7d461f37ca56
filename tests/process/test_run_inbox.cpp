// Where the thread of a run waits, and what wakes it.

#include <fanout/core/detail/control.hpp>
#include <fanout/core/interrupt.hpp>
#include <fanout/core/options.hpp>

#include "process/channel/run_inbox.hpp"
#include "support/failing_calls.hpp"
#include "support/leaks.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

namespace run_inboxes {

using namespace fanout;
using namespace fanout::detail;

class inboxes : public test::leak_checked {
 protected:
  options how_;
};

TEST_F(inboxes, what_is_there_already_is_not_waited_for) {
  run_control control(how_);
  run_inbox<int> inbox;
  inbox.add(1);
  inbox.add(2);
  EXPECT_FALSE(inbox.wait(control, -1, -1)) << "it would wait for ever";
  std::deque<int> got;
  inbox.take(got);
  EXPECT_EQ(got, (std::deque<int>{1, 2}));
  inbox.add(3);
  inbox.take(got);
  EXPECT_EQ(got, (std::deque<int>{1, 2, 3})) << "behind what is there";
}

TEST_F(inboxes, an_event_of_another_thread_ends_a_wait_and_none_is_lost) {
  run_control control(how_);
  run_inbox<std::unique_ptr<int>> inbox;
  constexpr int each = 5'000;
  std::vector<std::jthread> others;
  for (int thread = 0; thread < 3; ++thread)
    others.emplace_back([&] {
      for (int i = 1; i <= each; ++i) inbox.add(std::make_unique<int>(i));
    });
  long sum = 0;
  std::deque<std::unique_ptr<int>> got;
  for (int count = 0; count < 3 * each; got.clear()) {
    inbox.wait(control, -1, -1);
    inbox.take(got);
    count += static_cast<int>(got.size());
    for (const auto& one : got) sum += *one;
  }
  EXPECT_EQ(sum, 3L * each * (each + 1) / 2);
}

TEST_F(inboxes, a_wake_up_that_comes_before_the_wait_counts) {
  run_control control(how_);
  run_inbox<int> inbox;
  inbox.wake();
  inbox.wake();
  EXPECT_TRUE(inbox.wait(control, -1, -1)) << "it returns";
  EXPECT_TRUE(inbox.wait(control, -1, 0)) << "and then at its limit";
}

TEST_F(inboxes, a_source_that_may_be_ready_ends_a_wait) {
  run_control control(how_);
  run_inbox<int> inbox;
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const owned_descriptor source(ends[0]);
  const owned_descriptor writer(ends[1]);
  ASSERT_EQ(write(writer.value(), "x", 1), 1);
  EXPECT_TRUE(inbox.wait(control, source.value(), -1));
}

TEST_F(inboxes, an_interrupt_ends_a_wait_and_is_followed_stage_by_stage) {
  interrupt raised;
  how_.interrupt = &raised;
  run_control control(how_);
  run_inbox<int> inbox;
  std::jthread first([&] { raised.raise(); });
  EXPECT_TRUE(inbox.wait(control, -1, -1));
  EXPECT_FALSE(control.pulling());
  EXPECT_FALSE(control.aborted());
  first.join();
  std::jthread second([&] { raised.raise(); });
  EXPECT_TRUE(inbox.wait(control, -1, -1));
  EXPECT_TRUE(control.aborted());
  second.join();
  EXPECT_TRUE(inbox.wait(control, -1, 0)) << "after that it is not looked for, and keeps nobody awake";
}

TEST_F(inboxes, an_interrupt_right_before_a_wait_ends_it) {
  interrupt raised;
  how_.interrupt = &raised;
  run_control control(how_);
  run_inbox<int> inbox;
  raised.raise();
  EXPECT_TRUE(inbox.wait(control, -1, -1)) << "it returns";
  EXPECT_FALSE(control.pulling());
  EXPECT_FALSE(control.aborted());
}

}  // namespace run_inboxes
