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
  if (!empty() && pieces_.back().borrowed.empty() && pieces_.back().own.size() < full_piece) {
    pieces_.back().own += bytes;
    return;
  }
  std::string own = std::exchange(spare_, {});
  own += bytes;
  add_owned(std::move(own));
}

void outgoing::add_owned(std::string bytes) {
  if (!bytes.empty()) pieces_.push_back({std::move(bytes), {}, 0});
}

void outgoing::add_borrowed(std::string_view bytes, std::uint64_t mark) {
  if (!bytes.empty()) pieces_.push_back({{}, bytes, mark});
}

std::optional<std::uint64_t> outgoing::first_borrowed() const {
  for (std::size_t i = first_; i < pieces_.size(); ++i)
    if (!pieces_[i].borrowed.empty()) return pieces_[i].mark;
  return std::nullopt;
}

outgoing::status outgoing::write_to(int socket, std::uint64_t& count) noexcept {
  while (!empty()) {
    std::array<iovec, 8> parts;
    msghdr message{};
    message.msg_iov = parts.data();
    for (std::size_t i = 0; i < std::min(parts.size(), pieces_.size() - first_); ++i) {
      const std::string_view bytes = pieces_[first_ + i].bytes().substr(i == 0 ? written_ : 0);
      parts[i] = {const_cast<char*>(bytes.data()), bytes.size()};
      ++message.msg_iovlen;
    }
    const auto sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return status::blocked;
    if (sent < 0) {
      forget_all();
      return status::broken;
    }
    count += static_cast<std::uint64_t>(sent);
    drop(static_cast<std::size_t>(sent));
  }
  return status::written;
}

void outgoing::drop(std::size_t count) noexcept {
  written_ += count;
  while (!empty() && written_ >= pieces_[first_].bytes().size()) {
    piece& done = pieces_[first_];
    written_ -= done.bytes().size();
    if (done.borrowed.empty()) {
      spare_ = std::move(done.own);
      spare_.clear();
    }
    done = {};
    ++first_;
  }
  if (empty()) {
    forget_all();
  } else if (first_ >= pieces_.size() / 2) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void outgoing::forget_all() noexcept {
  pieces_.clear();
  first_ = 0;
  written_ = 0;
}

}  // namespace fanout::detail
