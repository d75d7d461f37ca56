#pragma once

#include <fanout/origin/background.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

/// \file
/// A blocking client that hides nothing of what is on the wire.
namespace fanout::origin::testing {

namespace http = boost::beast::http;
using namespace std::chrono_literals;

/// Long enough for any machine under any sanitizer; only a failing test waits for it.
inline constexpr auto patience = 60s;

template <class Predicate>
bool wait_until(Predicate holds) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

struct ssl_deleter {
  void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using ssl_pointer = std::unique_ptr<SSL, ssl_deleter>;
using context_pointer = std::unique_ptr<SSL_CTX, ssl_deleter>;

using response = http::response<http::string_body>;

/// One connection, plain unless `secure` is called.
class peer {
 public:
  /// A socket that is not connected yet.
  peer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (socket_ < 0) throw std::runtime_error("no socket");
    const timeval limit{patience.count(), 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  explicit peer(std::uint16_t port) : peer() { connect(port); }
  peer(peer&& from) noexcept : socket_(std::exchange(from.socket_, -1)), ssl_(std::move(from.ssl_)) {}
  peer& operator=(peer&&) = delete;
  ~peer() { close(); }

  void connect(std::uint16_t port) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
      throw std::runtime_error("cannot connect");
  }

  /// Shakes hands; the result of SSL_connect.
  int secure(SSL_CTX* context, const char* host, SSL_SESSION* session = nullptr) {
    ssl_.reset(SSL_new(context));
    SSL_set1_host(ssl_.get(), host);
    SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host));
    if (session) SSL_set_session(ssl_.get(), session);
    SSL_set_fd(ssl_.get(), socket_);
    return SSL_connect(ssl_.get());
  }
  SSL* ssl() const noexcept { return ssl_.get(); }

  int descriptor() const noexcept { return socket_; }

  void close() noexcept {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

  /// Closes with RST.
  void reset() noexcept {
    const linger now{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                             : ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) throw std::runtime_error("cannot send");
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void ask(std::string_view target, std::string_view method = "GET", std::string_view more_headers = "") {
    std::string request(method);
    request.append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n").append(more_headers).append("\r\n");
    send(request);
  }

  /// At most `size` bytes; 0 at the end, -1 with errno set on an error (under TLS: without a close_notify).
  long read_some(char* into, std::size_t size) {
    if (!ssl_) return ::recv(socket_, into, size, 0);
    const int received = SSL_read(ssl_.get(), into, static_cast<int>(size));
    if (received > 0) return received;
    return SSL_get_error(ssl_.get(), received) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
  }

  /// Beast's SyncReadStream.
  template <class Buffers>
  std::size_t read_some(const Buffers& into, boost::system::error_code& failed) {
    const boost::asio::mutable_buffer first = *boost::asio::buffer_sequence_begin(into);
    const long received = read_some(static_cast<char*>(first.data()), first.size());
    if (received < 0)
      failed.assign(errno, boost::system::system_category());
    else if (received == 0)
      failed = boost::asio::error::eof;
    else
      failed = {};
    return received > 0 ? static_cast<std::size_t>(received) : 0;
  }
  template <class Buffers>
  std::size_t read_some(const Buffers& into) {
    boost::system::error_code failed;
    const std::size_t received = read_some(into, failed);
    if (failed) throw boost::system::system_error(failed);
    return received;
  }

  /// The next response. Throws `boost::system::system_error` when it is not a whole one.
  response read_response(bool to_head = false) {
    http::response_parser<http::string_body> parser;
    parser.body_limit(boost::none);
    parser.skip(to_head);
    http::read(*this, buffer_, parser);
    return parser.release();
  }
  response get(std::string_view target) {
    ask(target);
    return read_response();
  }

  struct remainder {
    std::string bytes;
    int error = 0;  ///< errno that ended it; 0 for an orderly end
  };
  /// Everything until the connection ends.
  remainder read_to_end() {
    remainder all;
    all.bytes.assign(static_cast<const char*>(buffer_.data().data()), buffer_.size());
    buffer_.consume(buffer_.size());
    char part[16384];
    for (;;) {
      errno = 0;
      const long received = read_some(part, sizeof part);
      if (received > 0) {
        all.bytes.append(part, static_cast<std::size_t>(received));
        continue;
      }
      if (received < 0) all.error = errno ? errno : EPROTO;
      return all;
    }
  }

 private:
  int socket_;
  ssl_pointer ssl_;
  boost::beast::flat_buffer buffer_;
};

/// A client context that trusts `certificate_pem` alone.
inline context_pointer trusting(const std::string& certificate_pem) {
  context_pointer context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  BIO* const memory = BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size()));
  X509* const certificate = PEM_read_bio_X509(memory, nullptr, nullptr, nullptr);
  BIO_free(memory);
  if (certificate) X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), certificate);
  X509_free(certificate);
  return context;
}

/// Asserts, when it goes, that no connection was left open on either side.
class origin_test : public ::testing::Test {
 protected:
  background& start(options with = {}) {
    origin_ = std::make_unique<background>(std::move(with));
    return *origin_;
  }
  background& origin() { return origin_ ? *origin_ : start(); }
  std::uint16_t port() { return origin().port(); }

  void TearDown() override {
    if (!origin_) return;
    origin_->close();
    EXPECT_EQ(origin_->statistics().connections_open, 0u);
    EXPECT_EQ(origin_->statistics().requests_waiting, 0u);
  }

 private:
  std::unique_ptr<background> origin_;
};

}  // namespace fanout::origin::testing
