#include "http/open_connection.hpp"

#include "http/dns.hpp"
#include "http/loop_state.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <fmt/format.h>

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace fanout::http {
namespace {

using tcp = asio::ip::tcp;

constexpr auto no_throw = asio::as_tuple(asio::deferred);

std::string reason(int error) {
  return boost::system::system_category().message(error);
}

// A socket that has begun to connect; `error` is 0, EINPROGRESS, or why it did not.
int begin_connect(tcp_socket& socket, const tcp::endpoint& to, connection_pool& pool) {
  boost::system::error_code failed;
  socket.open(to.protocol(), failed);
  // Out of descriptors: connections that lie idle are the first to go.
  if (failed == boost::system::errc::too_many_files_open && pool.close_oldest()) socket.open(to.protocol(), failed);
  if (!failed) socket.native_non_blocking(true, failed);
  if (failed) return failed.value();
  const int on = 1;
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  while (::connect(socket.native_handle(), to.data(), static_cast<socklen_t>(to.size())) != 0)
    if (errno != EINTR) return errno;
  return 0;
}

// What became of a connect under way; EINPROGRESS when it still is.
int connect_result(tcp_socket& socket) {
  pollfd state{socket.native_handle(), POLLOUT, 0};
  if (::poll(&state, 1, 0) == 0) return EINPROGRESS;
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

// The addresses are tried one after another. Whoever replaces this by a race of several (RFC 8305) changes this
// function alone.
task<tcp_socket> connect_to_any(exchange& ex, const address_list& addresses, std::uint16_t port) {
  std::string tried;
  for (const auto& address : addresses) {
    tcp_socket socket(ex.loop().context().get_executor());
    int error = begin_connect(socket, tcp::endpoint(address, port), ex.loop().pool());
    while (error == EINPROGRESS) {
      ex.opening(phase::connecting, &socket, nullptr);
      auto writable = socket.async_wait(tcp_socket::wait_write, no_throw);
      const auto [failed] = co_await std::move(writable);
      ex.opening(phase::connecting, nullptr, nullptr);
      ex.resumed(failed);
      error = connect_result(socket);
    }
    if (error == 0) co_return std::move(socket);
    tried += fmt::format("{}{}: {}", tried.empty() ? "" : ", ", address.to_string(), reason(error));
  }
  throw fanout::error(failure_kind::connect, fmt::format("no connection to {} ({})", ex.peer(), tried));
}

}  // namespace

task<std::unique_ptr<connection>> open_connection(exchange& ex, const url& to, const tls_context* tls) {
  lookup names(ex.loop().names(), std::string(to.host()));
  ex.opening(phase::resolving, nullptr, &names);
  auto found = names.wait();
  co_await std::move(found);
  ex.opening(phase::resolving, nullptr, nullptr);
  ex.resumed({});
  auto connecting = connect_to_any(ex, names.addresses(), to.port());
  auto result = std::make_unique<connection>(co_await std::move(connecting));
  if (!tls) co_return result;

  result->tls =
      std::make_unique<tls_session>(*tls, result->socket.native_handle(), std::string(to.host()), to.origin());
  for (;;) {
    const io_result shaken = result->tls->handshake();
    if (shaken.state == io_state::done) co_return result;
    if (shaken.state != io_state::want_read && shaken.state != io_state::want_write)
      throw error(failure_kind::tls, fmt::format("TLS with {} failed: {}", ex.peer(), result->tls->failure()));
    ex.opening(phase::securing, &result->socket, nullptr);
    const auto what = shaken.state == io_state::want_read ? tcp_socket::wait_read : tcp_socket::wait_write;
    auto ready = result->socket.async_wait(what, no_throw);
    const auto [failed] = co_await std::move(ready);
    ex.opening(phase::securing, nullptr, nullptr);
    ex.resumed(failed);
  }
}

}  // namespace fanout::http
