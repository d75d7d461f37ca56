#include "http/wait_for.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace fanout::http {

task<void> wait_for_body(exchange& ex, step next) {
  if (next == step::want_body) {
    auto pulling = ex.pull_body();
    co_await std::move(pulling);
    co_return;
  }
  auto group = asio::experimental::make_parallel_group(ex.socket().async_wait(tcp_socket::wait_read, asio::deferred),
                                                       ex.socket().async_wait(tcp_socket::wait_write, asio::deferred));
  auto either = group.async_wait(asio::experimental::wait_for_one(), asio::as_tuple(asio::use_awaitable));
  const auto [order, read_failed, write_failed] = co_await std::move(either);
  ex.resumed(order[0] == 0 ? read_failed : write_failed);
}

task<void> wait_for(exchange& ex, step next) {
  if (next != step::want_read && next != step::want_write) {
    auto waiting = wait_for_body(ex, next);
    co_await std::move(waiting);
    co_return;
  }
  const auto event = next == step::want_read ? tcp_socket::wait_read : tcp_socket::wait_write;
  auto ready = ex.socket().async_wait(event, asio::as_tuple(asio::deferred));
  const auto [failed] = co_await std::move(ready);
  ex.resumed(failed);
}

}  // namespace fanout::http
