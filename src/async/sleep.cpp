#include <fanout/async/observation.hpp>
#include <fanout/async/sleep.hpp>

#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <utility>

namespace fanout {

std::chrono::steady_clock::time_point detail::later(std::chrono::steady_clock::time_point when,
                                                    std::chrono::steady_clock::duration duration) {
  constexpr auto end = std::chrono::steady_clock::time_point::max();
  return duration < end - when ? when + duration : end;
}

task<void> sleep(std::chrono::steady_clock::duration duration) {
  return sleep_until(detail::later(std::chrono::steady_clock::now(), duration));
}

// `deferred` awaits the timer without the coroutine frame that `use_awaitable` puts around it.
task<void> sleep_until(std::chrono::steady_clock::time_point when) {
  const detail::waiting_for mark("sleep");
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, when);
  auto wait = timer.async_wait(asio::deferred);
  co_await std::move(wait);
}

task<void> yield() {
  const auto executor = co_await asio::this_coro::executor;
  auto turn = asio::post(executor, asio::deferred);
  co_await std::move(turn);
}

}  // namespace fanout
