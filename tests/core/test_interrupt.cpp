#include <fanout/core/interrupt.hpp>
#include <fanout/core/map.hpp>

#include "support/readable.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <optional>

namespace fanout {
namespace {

using test::readable;

TEST(interrupt, has_two_stages_and_stays_in_each) {
  interrupt raised;
  EXPECT_EQ(raised.level(), 0);
  EXPECT_FALSE(readable(raised.drain_handle()));
  raised.raise();
  EXPECT_EQ(raised.level(), 1);
  EXPECT_TRUE(readable(raised.drain_handle()));
  EXPECT_TRUE(readable(raised.drain_handle()));
  EXPECT_FALSE(readable(raised.abort_handle()));
  raised.raise();
  EXPECT_EQ(raised.level(), 2);
  EXPECT_TRUE(readable(raised.abort_handle()));
  for (int i = 0; i < 1000; ++i) raised.raise();  // whoever leans on the key does no harm
  EXPECT_GE(raised.level(), 2);
}

interrupt* handled = nullptr;

TEST(interrupt, may_be_raised_by_a_signal_handler) {
  interrupt raised;
  handled = &raised;
  const auto before = std::signal(SIGUSR1, [](int) { handled->raise(); });
  std::raise(SIGUSR1);
  std::signal(SIGUSR1, before);
  EXPECT_EQ(raised.level(), 1);
}

TEST(interrupt, drains_a_run_first_and_aborts_it_then) {
  interrupt raised;
  options how = threads(2);
  how.interrupt = &raised;
  how.on_error = on_error::collect;
  int pulled = 0;
  const auto endless = [&]() -> std::optional<int> {
    if (++pulled == 10) raised.raise();
    return pulled;
  };
  const report drained =
      run(how, [](int x) { return x; }, endless, [](const outcome<int>& out) { EXPECT_TRUE(out.ok()); });
  EXPECT_LE(drained.tasks, 11U);
  EXPECT_TRUE(drained.stopped);

  raised.raise();
  EXPECT_EQ(run(how, [](int x) { return x; }, {1, 2, 3}, [](const outcome<int>&) {}).tasks, 0U);
}

}  // namespace
}  // namespace fanout
