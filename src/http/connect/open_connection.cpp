#include "http/connect/open_connection.hpp"

#include <fanout/base/failure.hpp>

#include "http/connect/transport.hpp"
#include "http/dns/address_policy.hpp"
#include "http/h2/h2_session.hpp"
#include "http/loop/loop_state.hpp"
#include "http/proxy/proxy_handshake.hpp"

#include <fmt/format.h>

namespace fanout::http {
namespace {

std::string reason(int error) {
  return boost::system::system_category().message(error);
}

task<void> wait_for(const connect_context& context, connection& on, phase what, io_state state) {
  context.timer.enter(what, request_timer::wait_handle(on.socket));
  auto ready = on.socket.wait(state == io_state::want_read ? readable : writable);
  const auto [failed] = co_await std::move(ready);
  context.timer.forget_wait();
  context.resumed(failed);
}

bool waits(io_state state) {
  return state == io_state::want_read || state == io_state::want_write;
}

task<void> tls_handshake(const connect_context& context, connection& on, tls_session& with, std::string peer) {
  for (;;) {
    const io_result shaken = with.handshake();
    if (shaken.state == io_state::done) co_return;
    if (!waits(shaken.state))
      throw error(failure_kind::tls, fmt::format("TLS with {} failed: {}", peer, with.failure()));
    auto ready = wait_for(context, on, phase::securing, shaken.state);
    co_await std::move(ready);
  }
}

task<void> run_handshake(const connect_context& context, connection& on, const proxy_server& proxy,
                         proxy_handshake& handshake) {
  const auto broken = [&](const std::string& how) {
    return error(failure_kind::connect,
                 fmt::format("the proxy {} {} before it had connected to {}", proxy.name, how, context.peer()));
  };
  while (!handshake.done()) {
    io_result moved{io_state::done};
    if (std::string& output = handshake.output(); !output.empty()) {
      moved = on.write_some(output);
      if (moved.state == io_state::done) output.erase(0, moved.bytes);
    } else {
      const auto buffer = context.loop.scratch(4096);
      moved = on.read_some(buffer);
      if (moved.state == io_state::done) handshake.put({buffer.data(), moved.bytes});
    }
    if (moved.state == io_state::done) continue;
    if (!waits(moved.state))
      throw broken(moved.state == io_state::failed && moved.error != 0 ? "broke down: " + reason(moved.error) + ","
                                                                       : "closed the connection");
    auto ready = wait_for(context, on, phase::connecting, moved.state);
    co_await std::move(ready);
  }
}

// A proxy looks names up itself, so what it connects to cannot be checked here.
void refuse_unchecked(const connect_context& context, const proxy_server& proxy) {
  throw error(failure_kind::refused_by_policy,
              fmt::format("the proxy {} would look up the address of {} itself, and only public addresses are allowed; "
                          "a socks5:// proxy gets an address that was checked",
                          proxy.name, context.peer()));
}

task<std::unique_ptr<session>> through_proxy(const connect_context& context, notifier& wake) {
  const route& via = context.via;
  const proxy_server& proxy = *via.proxy;
  const bool checked = via.by->public_only();
  std::string host(context.target.host());
  if (proxy.kind == proxy_kind::socks5) {
    auto looking_up = first_address(context, wake, host, context.target.port(), checked);
    const asio::ip::address address = co_await std::move(looking_up);
    host = address.to_string();
  } else if (checked) {
    refuse_unchecked(context, proxy);
  }
  // The proxy's own address is the caller's choice.
  auto dialling = dial(context, wake, proxy.host, proxy.port, false);
  auto made = co_await std::move(dialling);
  if (proxy.kind == proxy_kind::https) {
    connection& wire = made->wire;
    const tls_carrier below{wire.socket.native_handle()};
    wire.tls = std::make_unique<tls_session>(*via.proxy_tls, below, proxy.host, proxy.name);
    auto shaking = tls_handshake(context, wire, *wire.tls, proxy.name);
    co_await std::move(shaking);
  }
  if (!proxy.tunnels(context.target)) co_return made;
  const bool socks = proxy.kind == proxy_kind::socks5 || proxy.kind == proxy_kind::socks5h;
  const auto handshake = socks ? make_socks5_handshake(proxy, host, context.target.port())
                               : make_http_connect_handshake(proxy, context.peer());
  auto talking = run_handshake(context, made->wire, proxy, *handshake);
  co_await std::move(talking);
  co_return made;
}

std::string_view to_offer(const route& via, const connection_permit& mine) {
  if (!via.may_multiplex) return tls_session::offer_http_1_1;
  if (via.by->versions() == http_versions::http_2_prior_knowledge) return tls_session::offer_http_2;
  return mine.host_has() == multiplexing::refused ? tls_session::offer_http_1_1 : tls_session::offer_both;
}

// What is spoken on a connection that stands. Who knows beforehand does not ask.
void choose_protocol(const connect_context& context, session& made) {
  const route& via = context.via;
  if (!via.may_multiplex) return;
  const bool known = via.by->versions() == http_versions::http_2_prior_knowledge;
  if (known || (made.wire.tls && made.wire.tls->protocol() == "h2"))
    h2_session::begin_on(context.loop, made, via.by->most_streams());
}

}  // namespace

task<stream_grant> open_connection(connect_context context) {
  const route& via = context.via;
  notifier wake(context.loop.context());
  connection_permit mine(context.loop.pool(), via.key, context.limits, context.only_new, wake, context.how);
  while (!mine.granted()) {
    context.timer.enter(phase::queued, request_timer::wait_handle(wake));
    auto woken = wake.wait();
    co_await std::move(woken);
    context.resumed({});
  }
  if (auto handed = mine.take_handed()) co_return handed;

  std::unique_ptr<session> made;
  if (!via.by->unix_socket().empty()) {
    if (via.by->public_only())
      throw error(failure_kind::refused_by_policy, "a unix socket is no public address, and only those are allowed");
    auto dialling = dial_unix(context, wake, via.by->unix_socket());
    made = co_await std::move(dialling);
  } else if (via.proxy) {
    auto dialling = through_proxy(context, wake);
    made = co_await std::move(dialling);
  } else {
    auto [host, port] = via.by->instead_of(host_to_dial(context.target), context.target.port());
    auto dialling = dial(context, wake, std::move(host), port, via.by->public_only());
    made = co_await std::move(dialling);
  }
  if (via.tls) {
    connection& wire = made->wire;
    wire.proxy_tls = std::move(wire.tls);
    const tls_carrier below{wire.socket.native_handle(), wire.proxy_tls.get()};
    // Sessions are found by what the pool's key holds: one that was made through a proxy would tell the server, when it
    // is resumed without it, that both are the same client.
    wire.tls = std::make_unique<tls_session>(
        *via.tls, below, std::string(context.target.host()),
        fmt::format("{} {}", context.target.origin(), static_cast<const void*>(via.by)), to_offer(via, mine));
    auto shaking = tls_handshake(context, wire, *wire.tls, context.peer());
    co_await std::move(shaking);
  }
  choose_protocol(context, *made);
  co_return mine.fill(std::move(made));
}

}  // namespace fanout::http
