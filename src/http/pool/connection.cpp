#include "http/pool/connection.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace fanout::http {

io_result connection::read_some(std::span<char> into) {
  if (tls) return tls->read_some(into);
  for (;;) {
    const auto count = ::recv(socket.native_handle(), into.data(), into.size(), 0);
    if (count > 0) return {io_state::done, static_cast<std::size_t>(count)};
    if (count == 0) return {io_state::end};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {io_state::want_read};
    if (errno != EINTR) return {io_state::failed, 0, errno};
  }
}

io_result connection::write_some(std::string_view bytes) {
  if (tls) return tls->write_some(bytes);
  for (;;) {
    const auto count = ::send(socket.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) return {io_state::done, static_cast<std::size_t>(count)};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {io_state::want_write};
    if (errno != EINTR) return {io_state::failed, 0, errno};
  }
}

bool connection::is_quiet() {
  if (socket.ended()) return false;
  // A TLS server may send session tickets at any time, and what it sent last may have been read already.
  if (tls) return tls->peek().state == io_state::want_read;
  char byte;
  return ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace fanout::http
