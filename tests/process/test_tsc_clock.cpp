// The clock of a lane that runs tiny tasks keeps to the steady clock, and never runs backwards.

#include "process/worker/tsc_clock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tsc_clocks {

using namespace std::chrono_literals;
using fanout::detail::tsc_clock;

TEST(tsc_clock, never_runs_backwards_and_stays_with_the_steady_clock) {
  using steady = std::chrono::steady_clock;
  tsc_clock clock;
  auto last = clock.now();
  const auto end = steady::now() + 20ms;
  while (steady::now() < end) {
    const auto before = steady::now();
    const auto now = clock.now();
    const auto after = steady::now();
    ASSERT_GE(now, last);
    ASSERT_GE(now, before - 50us);
    ASSERT_LE(now, after + 50us);
    last = now;
  }
}

}  // namespace tsc_clocks
