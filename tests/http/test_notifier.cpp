// One coroutine that sleeps until anything calls it.
#include "http/io/notifier.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>

#include <exception>

namespace {

namespace asio = boost::asio;
using fanout::http::notifier;

fanout::task<void> wait_twice(notifier& by, int& woken) {
  for (int i = 0; i < 2; ++i) {
    auto waiting = by.wait();
    co_await std::move(waiting);
    ++woken;
  }
}

TEST(notifier, a_call_while_nobody_sleeps_is_not_lost) {
  asio::io_context loop(1);
  notifier wake(loop);
  wake.notify();
  wake.notify();  // one wait sees both
  int woken = 0;
  asio::co_spawn(loop, wait_twice(wake, woken), asio::detached);
  loop.poll();
  EXPECT_EQ(woken, 1);
  wake.notify();
  loop.restart();
  loop.run();
  EXPECT_EQ(woken, 2);
}

TEST(notifier, a_call_after_the_sleeper_was_woken_is_for_its_next_wait) {
  asio::io_context loop(1);
  notifier wake(loop);
  int woken = 0;
  asio::co_spawn(loop, wait_twice(wake, woken), asio::detached);
  asio::post(loop, [&] {
    wake.notify();
    wake.notify();
  });
  loop.poll();
  EXPECT_EQ(woken, 1);
  wake.notify();
  loop.restart();
  loop.run();
  EXPECT_EQ(woken, 2);
}

TEST(notifier, a_cancelled_wait_says_so) {
  asio::io_context loop(1);
  notifier wake(loop);
  int woken = 0;
  std::exception_ptr failed;
  asio::cancellation_signal stop;
  asio::co_spawn(loop, wait_twice(wake, woken),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr thrown) { failed = thrown; }));
  asio::post(loop, [&] { stop.emit(asio::cancellation_type::terminal); });
  loop.run();
  EXPECT_EQ(woken, 0);
  ASSERT_TRUE(failed);
  try {
    std::rethrow_exception(failed);
  } catch (const boost::system::system_error& error) {
    EXPECT_EQ(error.code(), asio::error::operation_aborted);
  }
}

}  // namespace
