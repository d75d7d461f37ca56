#include <fanout/core/detail/order_window.hpp>

#include "support/readable.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <ranges>
#include <thread>
#include <vector>

namespace fanout::detail {
namespace {

using test::readable;

TEST(order_window, is_shut_while_it_is_full) {
  order_window window(2, -1);
  ASSERT_TRUE(window.may_pull());
  window.pulled();
  ASSERT_TRUE(window.may_pull());
  window.pulled();
  EXPECT_FALSE(window.may_pull());
  EXPECT_FALSE(readable(window.handle()));
  window.handed_over(1);
  EXPECT_TRUE(readable(window.handle()));
  EXPECT_TRUE(window.may_pull());
  window.pulled();
  EXPECT_FALSE(window.may_pull());
}

TEST(order_window, tells_of_its_source_only_while_there_is_room) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  order_window window(1, ends[0]);
  ASSERT_TRUE(window.may_pull());
  window.source_waits();
  EXPECT_FALSE(readable(window.handle()));
  ASSERT_EQ(write(ends[1], "x", 1), 1);
  EXPECT_TRUE(readable(window.handle()));
  window.pulled();
  EXPECT_FALSE(window.may_pull());
  EXPECT_FALSE(readable(window.handle()));  // though the source is
  window.handed_over(1);
  EXPECT_TRUE(readable(window.handle()));
  close(ends[0]);
  close(ends[1]);
}

// A lost wake-up would leave the puller in its wait for ever.
TEST(order_window, loses_no_wake_up_between_two_threads) {
  constexpr std::uint64_t count = 100'000;
  order_window window(4, -1);
  std::atomic<std::uint64_t> pulled = 0;
  std::jthread handing([&] {
    for (std::uint64_t done = 0; done < count;) {
      const std::uint64_t all = pulled.load();
      if (all > done) window.handed_over(all - done);
      done = all;
    }
  });
  for (std::uint64_t i = 0; i < count;) {
    if (!window.may_pull()) {
      ASSERT_TRUE(readable(window.handle(), 20'000)) << i;
      continue;
    }
    window.pulled();
    pulled.store(++i);
  }
}

TEST(windowed_source, gives_what_its_source_has_and_no_more_than_the_window) {
  windowed_source<range_puller<std::vector<int>>> source(2, std::vector{1, 2, 3});
  EXPECT_TRUE(source.ready());
  EXPECT_EQ(source.next(), 1);
  EXPECT_TRUE(source.ready());
  EXPECT_EQ(source.next(), 2);
  EXPECT_FALSE(source.ready());
  source.window().handed_over(2);
  EXPECT_TRUE(source.ready());
  EXPECT_EQ(source.next(), 3);
  EXPECT_EQ(source.next(), std::nullopt);
}

}  // namespace
}  // namespace fanout::detail
