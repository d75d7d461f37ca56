// Which task a thread is at, for how long, and who looks at it from another thread.

#include <fanout/async/debug.hpp>
#include <fanout/async/detail/observation.hpp>

#include "async/debugging/task_record.hpp"
#include "async/debugging/watchdog.hpp"
#include "support/leaks.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using detail::running_mark;
using detail::task_record;
using detail::watched_thread;

class debugging_watchdog : public test::leak_checked {
 protected:
  void TearDown() override {
    set_debug({});
    leak_checked::TearDown();
  }
};

std::shared_ptr<task_record> named(std::string name) {
  auto record = std::make_shared<task_record>();
  record->name = std::move(name);
  return record;
}

void pass(std::chrono::nanoseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) continue;
}

TEST_F(debugging_watchdog, a_turn_that_goes_on_is_found_once) {
  const auto record = named("slow");
  {
    const running_mark turn(record);
    EXPECT_EQ(watched_thread::mine().current(), &turn);
    EXPECT_FALSE(watched_thread::mine().stalls(1h)) << "it has not lasted for so long";
    const auto stall = watched_thread::mine().stalls(0ns);
    ASSERT_TRUE(stall);
    EXPECT_EQ(stall->who, record);
    EXPECT_GE(stall->held, 0ns);
    EXPECT_FALSE(watched_thread::mine().stalls(0ns)) << "once for each turn";
  }
  EXPECT_EQ(watched_thread::mine().current(), nullptr);
  EXPECT_FALSE(watched_thread::mine().stalls(0ns)) << "the thread is at no task";
}

TEST_F(debugging_watchdog, a_turn_inside_another_one_is_that_ones_own) {
  const auto outer = named("outer");
  const auto inner = named("inner");
  const running_mark outer_turn(outer);
  {
    const running_mark inner_turn(inner);
    pass(5ms);
    const auto stall = watched_thread::mine().stalls(5ms);
    ASSERT_TRUE(stall);
    EXPECT_EQ(stall->who, inner);
  }
  EXPECT_EQ(watched_thread::mine().current(), &outer_turn);
  const auto stall = watched_thread::mine().stalls(0ns);
  ASSERT_TRUE(stall);
  EXPECT_EQ(stall->who, outer);
}

TEST_F(debugging_watchdog, the_time_of_inner_turns_is_not_held_by_the_outer_one) {
  const auto started = std::chrono::steady_clock::now();
  const running_mark outer(named("outer"));
  {
    const running_mark inner(named("inner"));
    pass(10ms);
  }
  const auto stall = watched_thread::mine().stalls(0ns);
  const auto total = std::chrono::steady_clock::now() - started;
  ASSERT_TRUE(stall);
  EXPECT_EQ(stall->who->name, "outer");
  EXPECT_LE(stall->held, total - 10ms);
}

TEST_F(debugging_watchdog, without_debugging_there_is_no_thread_for_it) {
  const auto before = test::live_threads();
  const running_mark turn(named("any"));
  EXPECT_EQ(test::live_threads(), before);
}

TEST_F(debugging_watchdog, another_thread_tells_of_a_turn_while_it_goes_on) {
  std::promise<std::string> told;
  std::promise<std::thread::id> teller;
  set_debug({.enabled = true, .stall_threshold = 1ms, .on_report = [&](const debug_report& each) {
               if (each.what != debug_report::kind::stalling) return;
               told.set_value(each.task);
               teller.set_value(std::this_thread::get_id());
             }});
  {
    const running_mark turn(named("blocked"));
    EXPECT_EQ(told.get_future().get(), "blocked");  // waits while the turn goes on
  }
  EXPECT_NE(teller.get_future().get(), std::this_thread::get_id());
  set_debug({});  // waits for that thread; the fixture counts the threads
}

TEST_F(debugging_watchdog, is_started_again_after_it_was_stopped) {
  for (int round = 0; round < 3; ++round) {
    std::promise<void> told;
    set_debug({.enabled = true, .stall_threshold = 1ms, .on_report = [&](const debug_report& each) {
                 if (each.what == debug_report::kind::stalling) told.set_value();
               }});
    {
      const running_mark turn(named("blocked"));
      told.get_future().get();
    }
    set_debug({});
  }
}

}  // namespace
