#pragma once

#include <fanout/base/task.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>

/// Coroutines that tests are made of.
namespace fanout::test {

/// Lets the loop do what else it has to do.
inline task<void> yield() {
  const auto executor = co_await asio::this_coro::executor;
  auto turn = asio::post(executor, asio::use_awaitable);
  co_await std::move(turn);
}

inline task<void> pause(std::chrono::milliseconds duration) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, duration);
  auto wait = timer.async_wait(asio::use_awaitable);
  co_await std::move(wait);
}

inline task<int> echo(int x) {
  co_return x;
}

inline task<int> after_a_while(int x) {
  task<void> rest = pause(std::chrono::milliseconds(10));
  co_await std::move(rest);
  co_return x;
}

}  // namespace fanout::test
