#include <fanout/http/address_of.hpp>
#include <fanout/http/url.hpp>

#include "http/connect/dial.hpp"
#include "http/connect/transport.hpp"
#include "http/io/notifier.hpp"
#include "http/loop/loop_state.hpp"
#include "http/loop/request_timer.hpp"
#include "http/tls/tls_context.hpp"

#include <boost/asio/this_coro.hpp>

namespace fanout::http {
namespace {

/// Disarms the deadlines, however the look-up ends.
class limited_look_up {
 public:
  limited_look_up(loop_state& loop, const client_options& with) : timer(loop) { timer.begin(with); }
  limited_look_up(const limited_look_up&) = delete;
  limited_look_up& operator=(const limited_look_up&) = delete;
  ~limited_look_up() { timer.end(); }

  request_timer timer;
};

}  // namespace

task<std::string> address_of(client_options with, std::string of) {
  const url target(of);
  const auto executor = co_await asio::this_coro::executor;
  loop_state& loop = loop_state::of(executor);
  const transport& by = transport::shared(with);
  const auto tls = tls_context::shared(tls_settings::of(with));
  const route via = by.to(target, tls.get());
  if (via.proxy || !by.unix_socket().empty()) co_return std::string();
  limited_look_up limits(loop, with);
  notifier wake(loop.context());
  const connect_context context{loop, limits.timer, target, via, {}, false};
  auto [host, port] = by.instead_of(host_to_dial(target), target.port());
  auto looking_up = first_address(context, wake, std::move(host), port, by.public_only());
  const asio::ip::address found = co_await std::move(looking_up);
  co_return found.to_string();
}

}  // namespace fanout::http
