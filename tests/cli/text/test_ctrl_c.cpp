#include "cli/text/ctrl_c.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <csignal>
#include <initializer_list>

namespace fanout::cli {
namespace {

using ::testing::ExitedWithCode;

constexpr unsigned no_grace_ends_here = 3600;
constexpr int was_terminated = 10;  // added to the level in the exit status

/// In a process of its own, as signals and what they mean belong to a process. Ends with the level they led to.
[[noreturn]] void live_through(first_ctrl_c meaning, std::initializer_list<int> signals) {
  const interrupt& seen = catch_ctrl_c(meaning, no_grace_ends_here);
  for (const int number : signals) std::raise(number);
  _exit(seen.level() + (terminated() ? was_terminated : 0));
}

TEST(ctrl_c, drains_then_cancels_then_leaves) {
  constexpr auto drains = first_ctrl_c::drains;
  EXPECT_EXIT(live_through(drains, {}), ExitedWithCode(0), "^$");
  EXPECT_EXIT(live_through(drains, {SIGINT}), ExitedWithCode(1), "finishing what is under way; Ctrl-C again to stop");
  EXPECT_EXIT(live_through(drains, {SIGINT, SIGINT}), ExitedWithCode(2), "");
  EXPECT_EXIT(live_through(drains, {SIGINT, SIGALRM}), ExitedWithCode(2), "") << "the grace is over";
  EXPECT_EXIT(live_through(drains, {SIGINT, SIGINT, SIGINT}), ExitedWithCode(130), "");
}

TEST(ctrl_c, cancels_at_once_where_nothing_is_worth_waiting_for) {
  EXPECT_EXIT(live_through(first_ctrl_c::aborts, {SIGINT}), ExitedWithCode(2), "^$");
  EXPECT_EXIT(live_through(first_ctrl_c::aborts, {SIGINT, SIGTERM}), ExitedWithCode(130), "^$");
}

TEST(ctrl_c, the_first_signal_says_whether_the_machine_is_taken_back) {
  constexpr auto drains = first_ctrl_c::drains;
  EXPECT_EXIT(live_through(drains, {SIGTERM}), ExitedWithCode(was_terminated + 1), "finishing");
  EXPECT_EXIT(live_through(drains, {SIGTERM, SIGINT}), ExitedWithCode(was_terminated + 2), "");
  EXPECT_EXIT(live_through(drains, {SIGINT, SIGTERM}), ExitedWithCode(2), "");
}

TEST(user_signal, asks_for_the_state_once) {
  const auto ask = [] {
    catch_user_signal(user_signal::tells);
    const bool before = state_asked_for();
    std::raise(SIGUSR1);
    const bool asked = state_asked_for();
    _exit(!before && asked && !state_asked_for() ? 0 : 1);
  };
  EXPECT_EXIT(ask(), ExitedWithCode(0), "");
}

TEST(user_signal, may_drain_and_a_second_one_cancels_nothing) {
  const auto warn = [] {
    catch_user_signal(user_signal::drains);
    live_through(first_ctrl_c::drains, {SIGUSR1, SIGUSR1});
  };
  EXPECT_EXIT(warn(), ExitedWithCode(was_terminated + 1), "finishing");
}

}  // namespace
}  // namespace fanout::cli
