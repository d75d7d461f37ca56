#include "process/channel/outgoing.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace fanout::detail {

void outgoing::add(std::string_view bytes) {
  if (bytes.empty()) return;
  if (pieces_.empty() || !pieces_.back().borrowed.empty() || pieces_.back().own.size() >= full_piece)
    pieces_.push_back({std::exchange(spare_, {}), {}, 0});
  pieces_.back().own += bytes;
}

void outgoing::add_borrowed(std::string_view bytes, std::uint64_t mark) {
  if (!bytes.empty()) pieces_.push_back({{}, bytes, mark});
}

std::optional<std::uint64_t> outgoing::first_borrowed() const {
  for (const piece& each : pieces_)
    if (!each.borrowed.empty()) return each.mark;
  return std::nullopt;
}

outgoing::status outgoing::write_to(int socket, std::uint64_t& count) {
  while (!pieces_.empty()) {
    std::array<iovec, 8> parts;
    msghdr message{};
    message.msg_iov = parts.data();
    for (std::size_t i = 0; i < std::min(parts.size(), pieces_.size()); ++i) {
      const std::string_view bytes = pieces_[i].bytes().substr(i == 0 ? written_ : 0);
      parts[i] = {const_cast<char*>(bytes.data()), bytes.size()};
      ++message.msg_iovlen;
    }
    const auto sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return status::blocked;
    if (sent < 0) {
      pieces_.clear();
      written_ = 0;
      return status::broken;
    }
    count += static_cast<std::uint64_t>(sent);
    drop(static_cast<std::size_t>(sent));
  }
  return status::written;
}

void outgoing::drop(std::size_t count) {
  written_ += count;
  while (!pieces_.empty() && written_ >= pieces_.front().bytes().size()) {
    written_ -= pieces_.front().bytes().size();
    if (pieces_.size() == 1 && pieces_.front().borrowed.empty()) {
      spare_ = std::move(pieces_.front().own);
      spare_.clear();
    }
    pieces_.pop_front();
  }
}

}  // namespace fanout::detail
