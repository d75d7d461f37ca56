#pragma once

#include "http/scripted_server.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

/// \file
/// A server on a unix socket.
namespace fanout_test {

/// Answers every request with the same body, on a thread for each connection. A client that hangs up ends its
/// connection; the destructor waits for that.
class unix_server {
 public:
  explicit unix_server(const std::string& path, std::string body = "from the socket") : body_(std::move(body)) {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listener_, 64) != 0)
      throw std::runtime_error("no unix socket at " + path);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  unix_server(const unix_server&) = delete;
  ~unix_server() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
  }
  int connections() const noexcept { return connections_; }

 private:
  void accept_all() {
    std::vector<std::thread> serving;
    for (int descriptor; (descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      ++connections_;
      serving.emplace_back([this, descriptor] {
        peer to(descriptor, nullptr);
        while (!to.read_request().empty()) to.send(ok(body_));
        ::close(descriptor);
      });
    }
    for (auto& each : serving) each.join();
  }

  std::string body_;
  int listener_;
  std::atomic<int> connections_{0};
  std::thread acceptor_;
};

}  // namespace fanout_test
