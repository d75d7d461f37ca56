#include "process/worker/parent_link.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace fanout::detail {

bool parent_link::fill(frame_reader& reader) {
  return fill(reader, MSG_DONTWAIT);
}
bool parent_link::wait_and_fill(frame_reader& reader) {
  return fill(reader, 0);
}

bool parent_link::fill(frame_reader& reader, int flags) {
  constexpr std::size_t chunk = 256 * 1024;
  for (;;) {
    const auto room = reader.room(chunk);
    const auto got = recv(socket_, room.data(), room.size(), flags);
    if (got > 0) {
      reader.added(static_cast<std::size_t>(got));
      return true;
    }
    if (got < 0 && errno == EINTR) continue;
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }
}

void parent_link::wait_readable() {
  pollfd waited{socket_, POLLIN, 0};
  poll(&waited, 1, -1);
}

void parent_link::stop_reading() {
  shutdown(socket_, SHUT_RD);
}

void parent_link::send_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;  // the parent is gone, and this process is about to be
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

}  // namespace fanout::detail
