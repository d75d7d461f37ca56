// One coroutine from a thread without a loop.

#include <fanout/async/async.hpp>
#include <fanout/core/map.hpp>

#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

namespace {

using namespace fanout;
using namespace std::chrono_literals;

class sync_waits : public test::leak_checked {
 protected:
  static void SetUpTestSuite() {  // what Asio and the shared threads keep until the program ends
    test::settle_sanitizer();
    sync_wait(to_thread([] {}));
    sync_wait(race());
  }
  static task<int> race() {
    signals one(SIGUSR1);
    auto either = race_to_finish(test::after_a_while(1), one.next());
    const auto first = co_await std::move(either);
    co_return std::get<0>(first);
  }
};

/// Neither copyable nor made by default.
class only_movable {
 public:
  explicit only_movable(int value) : value_(std::make_unique<int>(value)) {}
  int value() const { return *value_; }

 private:
  std::unique_ptr<int> value_;
};
task<only_movable> made(int value) {
  task<void> turn = yield();
  co_await std::move(turn);
  co_return only_movable(value);
}
task<int> failing() {
  task<void> turn = yield();
  co_await std::move(turn);
  throw std::out_of_range("its own");
}

TEST_F(sync_waits, the_value_and_the_failure_of_the_task_are_the_callers) {
  EXPECT_EQ(sync_wait(test::after_a_while(3)), 3);
  EXPECT_EQ(sync_wait(made(4)).value(), 4);
  sync_wait(sleep(1ms));
  EXPECT_THROW(sync_wait(failing()), std::out_of_range);
}

TEST_F(sync_waits, one_after_another_and_on_several_threads) {
  std::atomic<int> sum{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int round = 0; round < 50; ++round) sum += sync_wait(test::after_a_while(1));
      });
  }
  EXPECT_EQ(sum, 200);
}

class noted {
 public:
  explicit noted(int& alive) : alive_(alive) { ++alive_; }
  noted(const noted&) = delete;
  noted& operator=(const noted&) = delete;
  ~noted() { --alive_; }

 private:
  int& alive_;
};
task<void> sleeping_for_ever(int& alive) {
  const noted here(alive);
  task<void> rest = sleep(std::chrono::hours::max());
  co_await std::move(rest);
}
task<int> leave_behind(int& alive) {
  const auto executor = co_await asio::this_coro::executor;
  asio::co_spawn(executor, sleeping_for_ever(alive), asio::detached);
  task<void> turn = yield();
  co_await std::move(turn);
  EXPECT_EQ(alive, 1);
  co_return 5;
}

TEST_F(sync_waits, what_the_task_leaves_on_the_loop_is_destroyed) {
  int alive = 0;
  EXPECT_EQ(sync_wait(leave_behind(alive)), 5);
  EXPECT_EQ(alive, 0);
}

task<int> within() {
  task<void> turn = yield();
  co_await std::move(turn);
  co_return sync_wait(test::after_a_while(1));
}
task<int> within_a_run(int) {
  return within();
}
task<int> on_another_thread() {
  auto call = to_thread([] { return sync_wait(test::after_a_while(7)); });
  co_return co_await std::move(call);
}

TEST_F(sync_waits, refuses_on_a_thread_that_runs_a_loop) {
  EXPECT_THROW(sync_wait(within()), std::logic_error);
  EXPECT_THROW(map(async(2), within_a_run, std::vector<int>{1, 2}), std::logic_error);
  EXPECT_EQ(sync_wait(test::after_a_while(2)), 2) << "not afterwards";
  EXPECT_EQ(sync_wait(on_another_thread()), 7);
}

int blocking_task(int x) {
  return sync_wait(test::after_a_while(x));
}

TEST_F(sync_waits, may_be_called_by_blocking_tasks) {
  EXPECT_EQ(map(fanout::sync(), blocking_task, std::vector<int>{1, 2}), (std::vector<int>{1, 2}));
  EXPECT_EQ(map(threads(2), blocking_task, std::vector<int>{1, 2, 3}), (std::vector<int>{1, 2, 3}));
}

TEST_F(sync_waits, a_stop_request_cancels_the_task) {
  int alive = 0;
  std::stop_source stop;
  std::jthread stopping([&] {
    std::this_thread::yield();
    stop.request_stop();
  });
  EXPECT_THROW(sync_wait(sleeping_for_ever(alive), stop.get_token()), boost::system::system_error);
  EXPECT_EQ(alive, 0);
  EXPECT_THROW(sync_wait(sleeping_for_ever(alive), stop.get_token()), boost::system::system_error) << "before it began";
  EXPECT_EQ(sync_wait(test::echo(3), std::stop_source().get_token()), 3);
}

task<bool> until_a_signal(int& alive) {
  signals ctrl_c(co_await asio::this_coro::executor, SIGUSR1);
  std::raise(SIGUSR1);
  auto either = race_to_finish(sleeping_for_ever(alive), ctrl_c.next());
  const auto first = co_await std::move(either);
  co_return first.index() == 1;
}

TEST_F(sync_waits, a_race_with_a_signal_ends_the_task_as_ctrl_c_does) {
  int alive = 0;
  EXPECT_TRUE(sync_wait(until_a_signal(alive)));
  EXPECT_EQ(alive, 0);
}

}  // namespace
