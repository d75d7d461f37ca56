#include "origin/transport.hpp"

#include <climits>
#include <openssl/bio.h>
#include <openssl/err.h>

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <new>

namespace fanout::origin {
namespace {

bool would_block() noexcept {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

// The descriptor is asked of the socket each time: a closed socket answers -1, never a number since given to another.
int descriptor_of(BIO* bio) {
  return static_cast<transport*>(BIO_get_data(bio))->socket().native_handle();
}

int bio_write(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  const auto sent = ::send(descriptor_of(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && would_block()) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int bio_read(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  const auto received = ::recv(descriptor_of(bio), data, static_cast<std::size_t>(size), 0);
  if (received < 0 && would_block()) BIO_set_retry_read(bio);
  return static_cast<int>(received);
}

long bio_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* socket_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE");
    if (!made) throw std::bad_alloc();
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

int limited(std::size_t size) noexcept {
  return static_cast<int>(std::min<std::size_t>(size, INT_MAX));
}

}  // namespace

transport::transport(socket_type socket, SSL_CTX* context) : socket_(std::move(socket)) {
  if (!context) return;
  ssl_.reset(SSL_new(context));
  BIO* const bio = BIO_new(socket_method());
  if (!ssl_ || !bio) {
    BIO_free(bio);
    throw std::bad_alloc();
  }
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_read_ahead(ssl_.get(), 1);
}

progress transport::classify(int result) noexcept {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE:
      return progress::done;
    case SSL_ERROR_WANT_READ:
      return progress::want_read;
    case SSL_ERROR_WANT_WRITE:
      return progress::want_write;
    case SSL_ERROR_ZERO_RETURN:
      return progress::ended;
    default:
      return progress::failed;
  }
}

std::string_view transport::protocol() const noexcept {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  if (ssl_) SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

progress transport::handshake() noexcept {
  ERR_clear_error();
  return classify(SSL_accept(ssl_.get()));
}

transfer transport::read(std::span<char> into) noexcept {
  if (ssl_) {
    ERR_clear_error();
    const int received = SSL_read(ssl_.get(), into.data(), limited(into.size()));
    if (received > 0) return {progress::done, static_cast<std::size_t>(received)};
    return {classify(received)};
  }
  const auto received = ::recv(socket_.native_handle(), into.data(), into.size(), 0);
  if (received > 0) return {progress::done, static_cast<std::size_t>(received)};
  if (received == 0) return {progress::ended};
  return {would_block() ? progress::want_read : progress::failed};
}

transfer transport::write(std::string_view bytes) noexcept {
  if (ssl_) {
    ERR_clear_error();
    const int sent = SSL_write(ssl_.get(), bytes.data(), limited(bytes.size()));
    if (sent > 0) return {progress::done, static_cast<std::size_t>(sent)};
    return {classify(sent)};
  }
  const auto sent = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent >= 0) return {progress::done, static_cast<std::size_t>(sent)};
  return {would_block() ? progress::want_write : progress::failed};
}

progress transport::peek() noexcept {
  char byte = 0;
  if (ssl_) {
    ERR_clear_error();
    const int seen = SSL_peek(ssl_.get(), &byte, 1);
    return seen > 0 ? progress::done : classify(seen);
  }
  const auto seen = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK);
  if (seen > 0) return progress::done;
  if (seen == 0) return progress::ended;
  return would_block() ? progress::want_read : progress::failed;
}

bool transport::unsent() noexcept {
  int bytes = 0;
  return ::ioctl(socket_.native_handle(), SIOCOUTQNSD, &bytes) == 0 && bytes > 0;
}

void transport::finish() noexcept {
  ERR_clear_error();
  if (ssl_ && SSL_is_init_finished(ssl_.get())) SSL_shutdown(ssl_.get());
  boost::system::error_code ignored;
  socket_.shutdown(socket_type::shutdown_send, ignored);
}

void transport::reset() noexcept {
  boost::system::error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
}

void transport::close() noexcept {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace fanout::origin
