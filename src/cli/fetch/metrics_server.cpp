#include "cli/fetch/metrics_server.hpp"

#include <fanout/fetch/output.hpp>
#include <fanout/fetch/units.hpp>

#include <fmt/format.h>

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace fanout::cli {
namespace {

using detail::owned_descriptor;

struct host_and_port {
  std::string host;
  std::string port;
};

host_and_port parse_address(std::string_view text) {
  host_and_port made{"127.0.0.1", std::string(text)};
  if (const auto colon = text.rfind(':'); colon != text.npos) {
    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (!host.empty()) made.host = host;
    made.port = text.substr(colon + 1);
  }
  try {
    static_cast<void>(fetch::parse_count(made.port, 0, 65535));
  } catch (const std::exception& wrong) {
    throw std::invalid_argument(fmt::format("--metrics: {}", wrong.what()));
  }
  return made;
}

owned_descriptor listen_at(const host_and_port& where) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int failed = ::getaddrinfo(where.host.c_str(), where.port.c_str(), &hints, &found))
    throw std::invalid_argument(fmt::format("'{}' is no address to listen at: {}", where.host, ::gai_strerror(failed)));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> freed(found, ::freeaddrinfo);
  owned_descriptor made(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  if (made) ::setsockopt(made.value(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (!made || ::bind(made.value(), found->ai_addr, found->ai_addrlen) != 0 || ::listen(made.value(), 16) != 0)
    throw std::runtime_error(
        fmt::format("cannot listen at {} port {}: {}", where.host, where.port, std::strerror(errno)));
  return made;
}

std::string url_of(int listener) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  ::getnameinfo(reinterpret_cast<sockaddr*>(&address), size, host.data(), host.size(), port.data(), port.size(),
                NI_NUMERICHOST | NI_NUMERICSERV);
  const bool brackets = address.ss_family == AF_INET6;
  return fmt::format("http://{}{}{}:{}/metrics", brackets ? "[" : "", host.data(), brackets ? "]" : "", port.data());
}

/// The head of a request; empty where none came in time.
std::string read_head(int client) {
  constexpr std::size_t most = 16 * 1024;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  std::string head;
  while (head.find("\r\n\r\n") == head.npos && head.size() < most) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    pollfd ready{client, POLLIN, 0};
    if (left <= 0 || ::poll(&ready, 1, static_cast<int>(left)) <= 0) return {};
    std::array<char, 2048> piece;
    const auto got = ::recv(client, piece.data(), piece.size(), 0);
    if (got <= 0) return {};
    head.append(piece.data(), static_cast<std::size_t>(got));
  }
  return head;
}

}  // namespace

metrics_listener::metrics_listener(std::string_view address)
    : descriptor_(listen_at(parse_address(address))), url_(url_of(descriptor_.value())) {}

metrics_server::metrics_server(metrics_listener at, std::function<std::string()> text)
    : text_(std::move(text)), at_(std::move(at)), end_(::eventfd(0, EFD_CLOEXEC)) {
  thread_ = std::thread([this] { serve(); });
}

metrics_server::~metrics_server() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(end_.value(), &one, sizeof one);
  thread_.join();
}

void metrics_server::serve() {
  for (;;) {
    std::array<pollfd, 2> ready{{{at_.descriptor(), POLLIN, 0}, {end_.value(), POLLIN, 0}}};
    if (::poll(ready.data(), ready.size(), -1) < 0) continue;
    if (ready[1].revents != 0) return;
    const owned_descriptor client(::accept4(at_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client) answer(client.value());
  }
}

void metrics_server::answer(int client) const {
  const timeval limit{1, 0};
  ::setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const std::string head = read_head(client);
  if (head.empty()) return;
  const bool known = head.starts_with("GET /metrics ") || head.starts_with("GET / ");
  const std::string body = known ? text_() : "there is /metrics\n";
  const std::string response = fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n"
      "Connection: close\r\n\r\n{}",
      known ? "200 OK" : "404 Not Found", body.size(), body);
  for (std::string_view left = response; !left.empty();) {
    const auto sent = ::send(client, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    left.remove_prefix(static_cast<std::size_t>(sent));
  }
  ::shutdown(client, SHUT_WR);
  static_cast<void>(read_head(client));  // until it has closed: what was sent arrives before a reset
}

}  // namespace fanout::cli
