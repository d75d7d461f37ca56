#include "http/proxy/proxy_handshake.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/http/detail/text.hpp>

#include <fmt/format.h>

namespace fanout::http {
namespace {

namespace ip = boost::asio::ip;

constexpr std::size_t most_header_bytes = 16 * 1024;
// Interim responses before the answer to CONNECT.
constexpr int most_proxy_interim = 8;

[[noreturn]] void fail(const proxy_server& proxy, std::string_view why) {
  throw error(failure_kind::connect, fmt::format("the proxy {} {}", proxy.name, why));
}

class http_connect_handshake final : public proxy_handshake {
 public:
  http_connect_handshake(const proxy_server& proxy, const std::string& target) : proxy_(proxy), target_(target) {
    output_ = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", target);
    if (!proxy.authorization.empty()) output_ += fmt::format("Proxy-Authorization: {}\r\n", proxy.authorization);
    output_ += "\r\n";
  }

  void put(std::string_view bytes) override {
    while (!bytes.empty()) {
      if (done_) fail(proxy_, "sent bytes that nobody asked for after its answer to CONNECT");
      // The end of the header is looked for in what is new, and the two bytes before it.
      const std::size_t before = header_.size();
      header_.append(bytes.substr(0, most_header_bytes - before));
      check_start();
      const std::size_t end = end_of_header(before < 2 ? 0 : before - 2);
      if (end == std::string::npos) {
        if (header_.size() >= most_header_bytes)
          fail(proxy_, fmt::format("sent {} bytes of header in answer to CONNECT, and no end", most_header_bytes));
        return;
      }
      bytes.remove_prefix(end - before);
      header_.resize(end);
      conclude();
    }
  }

 private:
  // Behind the empty line. A line may end in LF alone: what follows is not HTTP, so nobody can read it as more of it.
  std::size_t end_of_header(std::size_t from) const noexcept {
    for (std::size_t lf = header_.find('\n', from); lf != std::string::npos; lf = header_.find('\n', lf + 1)) {
      const std::string_view next = std::string_view(header_).substr(lf + 1, 2);
      if (next.starts_with('\n')) return lf + 2;
      if (next == "\r\n") return lf + 3;
    }
    return std::string::npos;
  }

  // "HTTP/1.x NNN": what is no HTTP is refused at once, not after its 16 KiB.
  void check_start() const {
    constexpr std::string_view pattern = "HTTP/1.d ddd";
    for (std::size_t i = 0; i < std::min(pattern.size(), header_.size()); ++i) {
      const bool fits = pattern[i] == 'd' ? header_[i] >= '0' && header_[i] <= '9' : header_[i] == pattern[i];
      if (!fits) fail(proxy_, fmt::format("does not speak HTTP: '{}'", printable(header_.substr(0, 40))));
    }
  }

  void conclude() {
    const int status = (header_[9] - '0') * 100 + (header_[10] - '0') * 10 + (header_[11] - '0');
    if (std::string_view(" \r\n").find(header_[12]) == std::string_view::npos)
      fail(proxy_, "sent a malformed status line in answer to CONNECT");
    if (status >= 200 && status < 300) {
      done_ = true;  // a length is ignored: there is no body (RFC 9110 section 9.3.6)
      return;
    }
    if (status >= 100 && status < 200 && status != 101) {
      if (++interim_ > most_proxy_interim)
        fail(proxy_, fmt::format("sent more than {} interim responses", most_proxy_interim));
      header_.clear();
      return;
    }
    const std::string line = printable(header_.substr(9, header_.find_first_of("\r\n") - 9));
    if (status == 407)
      fail(proxy_, fmt::format("wants {} user name and password to connect to {} ({})",
                               proxy_.has_user ? "another" : "a", target_, line));
    fail(proxy_, fmt::format("refuses to connect to {} ({})", target_, line));
  }

  const proxy_server& proxy_;
  std::string target_;
  std::string header_;
  int interim_ = 0;
};

class socks5_handshake final : public proxy_handshake {
 public:
  socks5_handshake(const proxy_server& proxy, std::string host, std::uint16_t port)
      : proxy_(proxy), host_(std::move(host)), port_(port) {
    output_ = proxy.has_user ? std::string("\x05\x02\x00\x02", 4) : std::string("\x05\x01\x00", 3);
    expect_ = stage::method;
  }

  void put(std::string_view bytes) override {
    for (const char each : bytes) {
      if (done_) fail(proxy_, "sent bytes that nobody asked for after its answer");
      reply_.push_back(each);
      take();
    }
  }

 private:
  enum class stage { method, password, connected };

  unsigned byte(std::size_t at) const noexcept { return static_cast<unsigned char>(reply_[at]); }

  void take() {
    const unsigned version = expect_ == stage::password ? 1 : 5;
    if (byte(0) != version)
      fail(proxy_, fmt::format("does not speak SOCKS 5: its answer begins with byte {}, not {}", byte(0), version));
    switch (expect_) {
      case stage::method:
        return take_method();
      case stage::password:
        return take_password();
      case stage::connected:
        return take_connected();
    }
  }

  void take_method() {
    if (reply_.size() < 2) return;
    const unsigned method = byte(1);
    if (method == 0xff)
      fail(proxy_, proxy_.has_user ? "accepts neither a user name and password nor a client without"
                                   : "wants a user name and password, or another way to prove who asks");
    if (method == 0) return request();
    if (method != 2 || !proxy_.has_user) fail(proxy_, fmt::format("chose method {}, which was not offered", method));
    output_.push_back(1);
    for (const auto* const part : {&proxy_.user, &proxy_.password})
      output_.append(1, static_cast<char>(part->size())).append(*part);
    next(stage::password);
  }

  void take_password() {
    if (reply_.size() < 2) return;
    if (byte(1) != 0) fail(proxy_, "does not accept the user name and password");
    request();
  }

  void request() {
    output_.append("\x05\x01\x00", 3);
    boost::system::error_code is_a_name;
    const auto address = ip::make_address(host_, is_a_name);
    if (is_a_name) {
      if (host_.size() > 255) fail(proxy_, "cannot be told a host name of more than 255 bytes");
      output_.append(1, 3).append(1, static_cast<char>(host_.size())).append(host_);
    } else if (address.is_v4()) {
      const auto bytes = address.to_v4().to_bytes();
      output_.append(1, 1).append(bytes.begin(), bytes.end());
    } else {
      const auto bytes = address.to_v6().to_bytes();
      output_.append(1, 4).append(bytes.begin(), bytes.end());
    }
    output_.append(1, static_cast<char>(port_ >> 8)).append(1, static_cast<char>(port_ & 255));
    next(stage::connected);
  }

  void take_connected() {
    if (reply_.size() >= 2 && byte(1) != 0)
      fail(proxy_, fmt::format("does not connect to {}:{}: {}", host_, port_, reason(byte(1))));
    if (reply_.size() < 5) return;
    // The address it connected from, which nobody needs.
    std::size_t size = 0;
    switch (byte(3)) {
      case 1:
        size = 4;
        break;
      case 3:
        size = 1 + byte(4);
        break;
      case 4:
        size = 16;
        break;
      default:
        fail(proxy_, fmt::format("sent an address of type {}, which there is not", byte(3)));
    }
    if (reply_.size() == 4 + size + 2) done_ = true;
  }

  static std::string reason(unsigned code) {
    constexpr std::string_view reasons[] = {"it failed",
                                            "its rules forbid it",
                                            "the network is unreachable",
                                            "the host is unreachable",
                                            "the connection was refused",
                                            "the time to live ran out",
                                            "it cannot connect",
                                            "it does not know that type of address"};
    if (code >= 1 && code <= std::size(reasons)) return std::string(reasons[code - 1]);
    return fmt::format("it gives no reason but the number {}", code);
  }

  void next(stage what) {
    expect_ = what;
    reply_.clear();
  }

  const proxy_server& proxy_;
  std::string host_;
  std::uint16_t port_;
  std::string reply_;
  stage expect_;
};

}  // namespace

std::unique_ptr<proxy_handshake> make_http_connect_handshake(const proxy_server& proxy, const std::string& target) {
  return std::make_unique<http_connect_handshake>(proxy, target);
}

std::unique_ptr<proxy_handshake> make_socks5_handshake(const proxy_server& proxy, const std::string& host,
                                                       std::uint16_t port) {
  return std::make_unique<socks5_handshake>(proxy, host, port);
}

}  // namespace fanout::http
