// Lanes: starting and ending.

#include <fanout/core/run.hpp>

#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <ranges>

namespace {

using namespace fanout;

class lanes : public test::leak_checked {};

TEST_F(lanes, start_while_their_run_ends) {
  for (int round = 0; round < 1000; ++round) {
    options how(grid(1, 8, 1));
    std::stop_source stop;
    how.stop = stop.get_token();
    std::uint64_t seen = 0;
    // The first outcome aborts the run; some lanes have not started by then, some are about to.
    const report cost = run(how, std::views::iota(0), test::echo, [&](const outcome<int>&) {
      ++seen;
      stop.request_stop();
    });
    ASSERT_EQ(cost.tasks, seen);
    ASSERT_TRUE(cost.stopped);
  }
}

}  // namespace
