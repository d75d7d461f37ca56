#include "process/channel/worker_channel.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <utility>

namespace fanout::detail {

void worker_channel::hang_up() noexcept {
  shutdown(socket_.value(), SHUT_RDWR);
}

worker_channel::sending worker_channel::flush() noexcept {
  std::uint64_t written = 0;
  const sending result = out_.write_to(socket_.value(), written);
  count(sent_, written);
  if (result != sending::blocked && std::exchange(finishing_, false)) shutdown(socket_.value(), SHUT_WR);
  return result;
}

worker_channel::input worker_channel::receive() {
  const auto room = reader_.room(chunk);
  for (;;) {
    const auto got = recv(socket_.value(), room.data(), room.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return input::none;
    if (got <= 0) return input::ended;
    reader_.added(static_cast<std::size_t>(got));
    count(received_, static_cast<std::uint64_t>(got));
    return static_cast<std::size_t>(got) < room.size() ? input::all : input::more;
  }
}

worker_channel::input worker_channel::wait_and_receive() {
  const auto room = reader_.room(small_chunk);
  const auto got = recv(socket_.value(), room.data(), room.size(), 0);
  if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) return input::none;
  if (got <= 0) return input::ended;
  reader_.added(static_cast<std::size_t>(got));
  count(received_, static_cast<std::uint64_t>(got));
  return static_cast<std::size_t>(got) < room.size() ? input::all : input::more;
}

void worker_channel::set_blocking(std::chrono::microseconds patience) noexcept {
  fcntl(handle(), F_SETFL, fcntl(handle(), F_GETFL) & ~O_NONBLOCK);
  timeval limit{};
  limit.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(patience).count();
  limit.tv_usec = (patience % std::chrono::seconds(1)).count();
  setsockopt(handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

void worker_channel::set_nonblocking() noexcept {
  fcntl(handle(), F_SETFL, fcntl(handle(), F_GETFL) | O_NONBLOCK);
}

}  // namespace fanout::detail
