#include "http/connect/connection_race.hpp"

#include <fanout/http/exchange_observer.hpp>

#include "http/pool/session_pool.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace fanout::http {
namespace {

using clock = std::chrono::steady_clock;

// What became of a connect under way; EINPROGRESS when it still is.
int connect_result(const polled_socket& socket) {
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

connection_race::connection_race(poller& sockets, deadline_list& deadlines, session_pool& pool, std::uint16_t port,
                                 std::function<std::string_view(const asio::ip::address&)> reject_reason,
                                 notifier& wake)
    : sockets_(sockets),
      deadlines_(deadlines),
      pool_(pool),
      port_(port),
      reject_reason_(std::move(reject_reason)),
      wake_(wake),
      next_start_(wake) {}

connection_race::~connection_race() = default;

void connection_race::try_in_order(const address_list& addresses) {
  next_.clear();
  for (const auto& each : addresses)
    if (std::find(seen_.begin(), seen_.end(), each) == seen_.end()) next_.push_back(each);
}

bool connection_race::step() {
  for (std::size_t i = 0; i < attempts_.size();) {
    const int error = connect_result(attempts_[i].socket);
    if (error == EINPROGRESS) {
      ++i;
      continue;
    }
    attempt ended = std::move(attempts_[i]);
    attempts_.erase(attempts_.begin() + static_cast<std::ptrdiff_t>(i));
    if (error == 0) {
      win(std::move(ended));
      return true;
    }
    note_failure(ended.where, error);
    last_start_ = {};  // a failure starts the next one at once
  }
  const auto now = clock::now();
  while (!next_.empty() && !winner_ && (attempts_.empty() || now - last_start_ >= attempt_delay)) start_next();
  if (!next_.empty() && !winner_) deadlines_.arm(next_start_, last_start_ + attempt_delay);
  return winner_.has_value();
}

void connection_race::start_next() {
  const asio::ip::address where = next_.front();
  next_.pop_front();
  seen_.push_back(where);
  if (const std::string_view why = reject_reason_(where); !why.empty()) {
    refused_ += fmt::format("{}{} is {}", refused_.empty() ? "" : ", ", where.to_string(), why);
    return;
  }
  if (observer_) observer_->on_attempt(with_port(where, port_));
  const asio::ip::tcp::endpoint to(where, port_);
  constexpr int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  detail::owned_descriptor descriptor(::socket(to.protocol().family(), type, IPPROTO_TCP));
  // Out of descriptors: connections that lie idle are the first to go.
  if (!descriptor && errno == EMFILE && pool_.close_oldest())
    descriptor = detail::owned_descriptor(::socket(to.protocol().family(), type, IPPROTO_TCP));
  if (!descriptor) return note_failure(where, errno);
  const int on = 1;
  ::setsockopt(descriptor.value(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (const int error = from_ ? from_->bind(descriptor.value(), where) : 0) return note_failure(where, error);
  const bool connected = ::connect(descriptor.value(), to.data(), static_cast<socklen_t>(to.size())) == 0;
  // Interrupted, it goes on by itself.
  if (!connected && errno != EINPROGRESS && errno != EINTR) return note_failure(where, errno);
  attempt started{{}, where};
  try {
    started.socket = polled_socket(sockets_, std::move(descriptor));
  } catch (const std::system_error& refused) {
    return note_failure(where, refused.code().value());
  }
  if (connected) return win(std::move(started));
  started.socket.notify(&wake_);
  attempts_.push_back(std::move(started));
  last_start_ = clock::now();
}

void connection_race::win(attempt ended) {
  ended.socket.notify(nullptr);
  winner_ = std::move(ended.socket);
  winner_address_ = with_port(ended.where, port_);
}

void connection_race::note_failure(const asio::ip::address& where, int error) {
  const std::string why = boost::system::system_category().message(error);
  failures_ += fmt::format("{}{}: {}", failures_.empty() ? "" : ", ", where.to_string(), why);
  if (observer_) observer_->on_failed_attempt(with_port(where, port_), why);
}

}  // namespace fanout::http
