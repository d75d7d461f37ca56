#include "http/connection_race.hpp"

#include "http/pool.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace fanout::http {
namespace {

using clock = std::chrono::steady_clock;

// What became of a connect under way; EINPROGRESS when it still is.
int connect_result(tcp_socket& socket) {
  pollfd state{socket.native_handle(), POLLOUT, 0};
  if (::poll(&state, 1, 0) == 0) return EINPROGRESS;
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

std::string with_port(const asio::ip::address& address, std::uint16_t port) {
  return address.is_v6() ? fmt::format("[{}]:{}", address.to_string(), port)
                         : fmt::format("{}:{}", address.to_string(), port);
}

}  // namespace

/// Shared with the handler that waits for the socket, which may run after the race is over.
struct connection_race::attempt {
  attempt(asio::io_context& loop, const asio::ip::address& to) : socket(loop.get_executor()), where(to) {}
  tcp_socket socket;
  asio::ip::address where;
  wake_up* wake = nullptr;  ///< null once the race is over
  bool waiting = false;

  static void watch(const std::shared_ptr<attempt>& self) {
    if (self->waiting) return;
    self->waiting = true;
    self->socket.async_wait(tcp_socket::wait_write, [self](boost::system::error_code) {
      self->waiting = false;
      if (self->wake) self->wake->notify();
    });
  }
};

connection_race::connection_race(asio::io_context& loop, deadline_list& deadlines, connection_pool& pool,
                                 std::uint16_t port,
                                 std::function<std::string_view(const asio::ip::address&)> objection, wake_up& wake)
    : loop_(loop),
      deadlines_(deadlines),
      pool_(pool),
      port_(port),
      objection_(std::move(objection)),
      wake_(wake),
      alarm_(wake) {}

connection_race::~connection_race() {
  for (const auto& each : attempts_) {
    each->wake = nullptr;
    boost::system::error_code ignored;
    each->socket.close(ignored);
  }
}

void connection_race::try_in_order(const address_list& addresses) {
  next_.clear();
  for (const auto& each : addresses)
    if (std::find(seen_.begin(), seen_.end(), each) == seen_.end()) next_.push_back(each);
}

bool connection_race::step() {
  for (std::size_t i = 0; i < attempts_.size();) {
    const auto current = attempts_[i];
    const int error = connect_result(current->socket);
    if (error == EINPROGRESS) {
      attempt::watch(current);
      ++i;
      continue;
    }
    attempts_.erase(attempts_.begin() + static_cast<std::ptrdiff_t>(i));
    current->wake = nullptr;
    boost::system::error_code ignored;
    if (current->waiting) current->socket.cancel(ignored);
    if (error == 0) {
      winner_ = std::move(current->socket);
      winner_address_ = with_port(current->where, port_);
      return true;
    }
    current->socket.close(ignored);
    note_failure(current->where, error);
    last_start_ = {};  // a failure starts the next one at once
  }
  const auto now = clock::now();
  while (!next_.empty() && !winner_ && (attempts_.empty() || now - last_start_ >= attempt_delay)) start_next();
  if (!next_.empty() && !winner_) deadlines_.arm(alarm_, last_start_ + attempt_delay);
  return winner_.has_value();
}

void connection_race::start_next() {
  const asio::ip::address where = next_.front();
  next_.pop_front();
  seen_.push_back(where);
  if (const std::string_view why = objection_(where); !why.empty()) {
    refused_ += fmt::format("{}{} is {}", refused_.empty() ? "" : ", ", where.to_string(), why);
    return;
  }
  const asio::ip::tcp::endpoint to(where, port_);
  constexpr int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  int descriptor = ::socket(to.protocol().family(), type, IPPROTO_TCP);
  // Out of descriptors: connections that lie idle are the first to go.
  if (descriptor < 0 && errno == EMFILE && pool_.close_oldest())
    descriptor = ::socket(to.protocol().family(), type, IPPROTO_TCP);
  if (descriptor < 0) return note_failure(where, errno);
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  auto started = std::make_shared<attempt>(loop_, where);
  boost::system::error_code failed;
  started->socket.assign(to.protocol(), descriptor, failed);
  if (failed) {
    ::close(descriptor);
    return note_failure(where, failed.value());
  }
  int error = ::connect(descriptor, to.data(), static_cast<socklen_t>(to.size())) == 0 ? 0 : errno;
  if (error == EINTR) error = EINPROGRESS;  // it goes on by itself
  if (error == 0) {
    winner_ = std::move(started->socket);
    winner_address_ = with_port(where, port_);
    return;
  }
  if (error != EINPROGRESS) return note_failure(where, error);
  started->wake = &wake_;
  attempt::watch(started);
  attempts_.push_back(std::move(started));
  last_start_ = clock::now();
}

void connection_race::note_failure(const asio::ip::address& where, int error) {
  failures_ += fmt::format("{}{}: {}", failures_.empty() ? "" : ", ", where.to_string(),
                           boost::system::system_category().message(error));
}

}  // namespace fanout::http
