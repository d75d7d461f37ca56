// Signals as values.

#include <fanout/async/signals.hpp>

#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>

#include <csignal>
#include <exception>
#include <optional>

namespace {

using namespace fanout;

class signalling : public test::leak_checked {
 protected:
  static void SetUpTestSuite() {  // Asio keeps the pipe of its signal handler until the program ends
    asio::io_context loop;
    signals some(loop.get_executor(), SIGUSR1);
  }
};

template <class T>
T run_on_loop(task<T> work) {
  asio::io_context loop;
  auto result = asio::co_spawn(loop, std::move(work), asio::use_future);
  loop.run();
  return result.get();
}

task<void> in_order() {
  signals some(co_await asio::this_coro::executor, SIGUSR1, SIGUSR2);
  std::raise(SIGUSR2);
  auto first = some.next();
  EXPECT_EQ(co_await std::move(first), SIGUSR2);
  std::raise(SIGUSR1);
  std::raise(SIGUSR1);
  for (int i = 0; i < 2; ++i) {
    auto next = some.next();
    EXPECT_EQ(co_await std::move(next), SIGUSR1) << "one value for each";
  }
}

TEST_F(signalling, those_that_came_while_nobody_waited_are_kept) {
  run_on_loop(in_order());
}

task<void> raise_soon() {
  task<void> turn = test::yield();
  co_await std::move(turn);
  std::raise(SIGUSR1);
}

task<int> registered_when_asked() {
  const auto executor = co_await asio::this_coro::executor;
  signals some(SIGUSR1);
  asio::co_spawn(executor, raise_soon(), [](std::exception_ptr) {});
  auto next = some.next();
  co_return co_await std::move(next);
}

TEST_F(signalling, without_an_executor_it_registers_when_it_is_asked) {
  EXPECT_EQ(run_on_loop(registered_when_asked()), SIGUSR1);
}

TEST_F(signalling, works_on_a_pool) {
  asio::thread_pool pool(2);
  EXPECT_NO_THROW(asio::co_spawn(pool, in_order(), asio::use_future).get());
  pool.join();
}

TEST_F(signalling, a_number_that_is_no_signal_is_refused) {
  asio::io_context loop;
  EXPECT_THROW(signals(loop.get_executor(), SIGUSR1, 100'000), boost::system::system_error);
  EXPECT_THROW(signals(loop.get_executor(), SIGKILL), boost::system::system_error);
}

TEST_F(signalling, afterwards_they_have_their_usual_effect) {
  const auto before = std::signal(SIGUSR1, SIG_DFL);
  run_on_loop(in_order());
  EXPECT_EQ(std::signal(SIGUSR1, before), SIG_DFL);
}

TEST_F(signalling, one_that_is_cancelled_loses_none) {
  for (int turns = 1; turns < 5; ++turns) {
    asio::io_context loop;
    signals some(loop.get_executor(), SIGUSR1);
    asio::cancellation_signal stop;
    std::exception_ptr failed;
    std::optional<int> got;
    asio::post(loop, [&] {
      asio::co_spawn(loop, some.next(),
                     asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr why, int which) {
                       failed = why;
                       if (!why) got = which;
                     }));
    });
    for (int i = 0; i < turns; ++i) loop.poll_one();
    stop.emit(asio::cancellation_type::terminal);
    std::raise(SIGUSR1);
    loop.run();
    EXPECT_NE(failed != nullptr, got.has_value());
    if (!failed) continue;
    EXPECT_THROW(std::rethrow_exception(failed), boost::system::system_error);
    loop.restart();
    auto next = asio::co_spawn(loop, some.next(), asio::use_future);
    loop.run();
    EXPECT_EQ(next.get(), SIGUSR1);
  }
}

task<void> forever(signals& some) {
  auto next = some.next();
  co_await std::move(next);
}

TEST_F(signalling, a_loop_may_be_destroyed_while_one_waits) {
  asio::io_context loop;
  signals some(loop.get_executor(), SIGUSR1);
  asio::co_spawn(loop, forever(some), [](std::exception_ptr) {});
  loop.poll();
}

}  // namespace
