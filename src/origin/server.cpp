#include <fanout/origin/server.hpp>

#include "origin/acceptor.hpp"

#include <fmt/format.h>

namespace fanout::origin {

server::server(asio::io_context& loop, options settings)
    : acceptor_(std::make_shared<acceptor>(std::make_shared<server_state>(loop, std::move(settings)))) {
  acceptor_->start();
}

server::~server() {
  close();
}

std::uint16_t server::port() const noexcept {
  return acceptor_->endpoint().port();
}

std::string server::url(std::string_view path) const {
  asio::ip::address host = acceptor_->endpoint().address();
  if (host.is_unspecified()) {
    if (host.is_v6())
      host = asio::ip::address_v6::loopback();
    else
      host = asio::ip::address_v4::loopback();
  }
  const std::string_view scheme = acceptor_->server().settings.tls ? "https" : "http";
  if (host.is_v6()) return fmt::format("{}://[{}]:{}{}", scheme, host.to_string(), port(), path);
  return fmt::format("{}://{}:{}{}", scheme, host.to_string(), port(), path);
}

const std::string& server::certificate_pem() const noexcept {
  return acceptor_->server().tls.certificate_pem;
}

origin::statistics server::statistics() const noexcept {
  const counters& counts = acceptor_->server().counts;
  origin::statistics now;
  now.connections_accepted = counts.accepted.value();
  now.connections_open = counts.open.value();
  now.requests = counts.requests.value();
  now.requests_waiting = counts.waiting.value();
  now.peak_waiting = counts.peak_waiting.value();
  now.accept_pauses = counts.accept_pauses.value();
  now.tls_handshakes = counts.handshakes.value();
  now.tls_resumed = counts.resumed.value();
  now.tls_failed_handshakes = counts.failed_handshakes.value();
  now.http_2_connections = counts.http_2_connections.value();
  return now;
}

void server::close() {
  acceptor_->close();
}

}  // namespace fanout::origin
