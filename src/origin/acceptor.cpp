#include "origin/acceptor.hpp"

#include "origin/connection.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

namespace fanout::origin {
namespace {

using asio::ip::tcp;

constexpr std::chrono::milliseconds accept_pause{20};
constexpr int most_accepted_in_a_row = 64;
[[noreturn]] void cannot_listen(const options& with, int error, std::string_view hint = {}) {
  throw std::system_error(error, std::generic_category(),
                          fmt::format("cannot listen on address '{}', port {}{}", with.address, with.port, hint));
}

asio::ip::address parse_address(const options& with) {
  if (with.address == "localhost") return asio::ip::address_v4::loopback();
  boost::system::error_code failed;
  const auto address = asio::ip::make_address(with.address, failed);
  if (failed) cannot_listen(with, EINVAL, " (an IP address is needed, such as 127.0.0.1, ::1 or 0.0.0.0)");
  return address;
}

class descriptor {
 public:
  explicit descriptor(int number) : number_(number) {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const noexcept { return number_; }
  int release() noexcept { return std::exchange(number_, -1); }

 private:
  int number_;
};

/// A listening socket. Made by hand rather than by Asio so that it is close-on-exec from the start: a program started
/// by another thread would otherwise keep the port. Accepted sockets inherit TCP_NODELAY.
int listen(const options& with, const tcp::endpoint& endpoint) {
  descriptor made(::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  if (made.get() < 0) cannot_listen(with, errno);
  const int on = 1;
  ::setsockopt(made.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(made.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::bind(made.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) {
    const int error = errno;
    if (error == EACCES) cannot_listen(with, error, " (ports below 1024 are privileged)");
    cannot_listen(with, error);
  }
  if (::listen(made.get(), SOMAXCONN) != 0) cannot_listen(with, errno);
  return made.release();
}

/// Errors of accept(2) that pass when something else lets go of descriptors or memory.
bool short_of_resources(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

acceptor::acceptor(std::shared_ptr<server_state> server)
    : server_(std::move(server)), acceptor_(server_->loop.get_executor()), pause_(server_->loop.get_executor()) {
  const tcp::endpoint wanted(parse_address(server_->settings), server_->settings.port);
  descriptor listening(listen(server_->settings, wanted));
  acceptor_.assign(wanted.protocol(), listening.get());
  listening.release();
  endpoint_ = acceptor_.local_endpoint();
}

void acceptor::start() {
  asio::co_spawn(server_->loop.get_executor(), accept_connections(shared_from_this()), asio::detached);
}

void acceptor::close() {
  if (closed_) return;
  closed_ = true;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  for (open_connection& each : server_->connections) each.abort();
}

// Accepts in bursts, with a turn for the connections in between.
routine<> acceptor::accept_connections(std::shared_ptr<acceptor> self) {
  boost::system::error_code failed;
  while (!self->closed_) {
    co_await self->acceptor_.async_wait(tcp::acceptor::wait_read, asio::redirect_error(awaiting, failed));
    if (failed || self->closed_) co_return;
    int in_a_row = 0;
    while (in_a_row < most_accepted_in_a_row && self->accept_one()) ++in_a_row;
    if (in_a_row > 0 || !short_of_resources(errno)) continue;
    // The connection stays in the kernel's queue, so the listener stays readable: trying again at once would spin.
    ++self->server_->counts.accept_pauses;
    self->pause_.expires_after(accept_pause);
    co_await self->pause_.async_wait(asio::redirect_error(awaiting, failed));
  }
}

/// False, with errno set, when there was nothing to accept or no means to.
bool acceptor::accept_one() {
  descriptor accepted(::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (accepted.get() < 0) return errno == ECONNABORTED;
  ++server_->counts.accepted;
  try {
    socket_type socket(server_->loop.get_executor());
    socket.assign(endpoint_.protocol(), accepted.get());
    accepted.release();
    auto made = std::make_shared<connection>(server_, std::move(socket));
    asio::co_spawn(server_->loop.get_executor(), connection::serve(std::move(made)), asio::detached);
  } catch (const std::exception&) {
    errno = ENOMEM;  // the epoll set or the heap is full: the client sees its connection closed
    return false;
  }
  return true;
}

}  // namespace fanout::origin
