#include <fanout/core/detail/source_gate.hpp>

#include "support/readable.hpp"

#include <gtest/gtest.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace {

using fanout::test::readable;

using fanout::detail::source_gate;

TEST(source_gate, is_readable_once_there_is_room_again) {
  source_gate gate(-1);
  bool room = true;
  const auto has_room = [&] { return room; };
  EXPECT_TRUE(gate.may_pull(has_room));
  room = false;
  EXPECT_FALSE(gate.may_pull(has_room));
  EXPECT_FALSE(readable(gate.handle()));
  room = true;
  gate.room_made();
  EXPECT_TRUE(readable(gate.handle()));
  EXPECT_TRUE(gate.may_pull(has_room));
  gate.source_waits();
  EXPECT_FALSE(readable(gate.handle()));
}

TEST(source_gate, a_source_that_is_readable_does_not_count_while_it_is_shut) {
  const int source = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
  {
    source_gate gate(source);
    EXPECT_TRUE(readable(gate.handle()));
    EXPECT_FALSE(gate.may_pull([] { return false; }));
    EXPECT_FALSE(readable(gate.handle()));
    gate.room_made();
    EXPECT_TRUE(readable(gate.handle()));
    EXPECT_TRUE(gate.may_pull([] { return true; }));
    gate.source_waits();
    EXPECT_TRUE(readable(gate.handle()));  // the source's own
  }
  close(source);
}

// No room that another thread makes goes unnoticed.
TEST(source_gate, two_threads) {
  constexpr int values = 20'000;
  source_gate gate(-1);
  std::atomic<int> taken{0};
  std::atomic<int> given{0};
  std::thread other([&] {
    for (int next = 0; next < values;) {
      if (taken.load() == given.load()) {
        std::this_thread::yield();
        continue;
      }
      taken.store(++next);
      gate.room_made();
    }
  });
  for (int next = 0; next < values;) {
    if (gate.may_pull([&] { return given.load() - taken.load() < 4; })) {
      given.store(++next);
      continue;
    }
    pollfd asked{gate.handle(), POLLIN, 0};
    ASSERT_EQ(poll(&asked, 1, 60'000), 1) << next;
  }
  other.join();
}

}  // namespace
