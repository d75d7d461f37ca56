#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>

namespace fanout_test {

/// Answers DNS queries on 127.0.0.1, by UDP. Names it was not told have no address (NXDOMAIN); names that begin with
/// "silent" get no answer at all, with "mute4" or "mute6" none about that family. Who has no address of a family gets
/// an empty answer. Names that begin with "busy" are answered SERVFAIL four times for each family before anything else.
/// Other names that begin with "servfail" or "refused" are answered with that code.
class fake_name_server {
 public:
  struct record {
    std::string address;  ///< empty: none
    std::uint32_t ttl_s;
    std::string v6 = {};
  };

  explicit fake_name_server(std::map<std::string, record> known) : known_(std::move(known)) {
    socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(socket_, reinterpret_cast<sockaddr*>(&address), size);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { answer_all(); });
  }
  fake_name_server(const fake_name_server&) = delete;
  ~fake_name_server() {
    // An empty datagram ends the thread.
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port_);
    ::sendto(socket_, "", 0, 0, reinterpret_cast<sockaddr*>(&address), sizeof address);
    thread_.join();
    ::close(socket_);
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// Queries for IPv4 addresses so far.
  int queries() const noexcept { return queries_; }
  /// Of so many queries of a thousand it knows nothing from now on, as a network loses them.
  void drop(std::uint32_t of_a_thousand) noexcept { dropped_ = of_a_thousand; }
  /// Changes what is answered from now on.
  void set(const std::string& name, const record& now) {
    const std::lock_guard guard(lock_);
    known_[name] = now;
  }

 private:
  void answer_all() {
    for (;;) {
      unsigned char query[512];
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const auto count = ::recvfrom(socket_, query, sizeof query, 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (count < 17) return;
      std::string name;
      std::size_t at = 12;
      for (; query[at] != 0; at += 1 + query[at])
        name.append(name.empty() ? "" : ".").append(reinterpret_cast<char*>(query) + at + 1, query[at]);
      const bool wants_v4 = query[at + 2] == 1;
      if (wants_v4) ++queries_;
      if (generator_() % 1'000 < dropped_) continue;
      const bool busy = name.starts_with("busy") && ++asked_[name + (wants_v4 ? "4" : "6")] <= busy_answers;
      if (name.starts_with("silent") || name.starts_with(wants_v4 ? "mute4" : "mute6")) continue;
      const std::lock_guard guard(lock_);
      std::string answer(reinterpret_cast<char*>(query), at + 5);
      const auto found = known_.find(name);
      const bool has_answer =
          !busy && found != known_.end() && !(wants_v4 ? found->second.address : found->second.v6).empty();
      answer[2] = static_cast<char>(0x85);
      const bool known = found != known_.end();
      const int code = busy ? 2 : known ? 0 : name.starts_with("servfail") ? 2 : name.starts_with("refused") ? 5 : 3;
      answer[3] = static_cast<char>(0x80 | code);
      answer[7] = has_answer;
      answer[9] = answer[11] = 0;
      answer[8] = answer[10] = 0;
      if (has_answer) {
        in6_addr bytes{};
        ::inet_pton(wants_v4 ? AF_INET : AF_INET6, (wants_v4 ? found->second.address : found->second.v6).c_str(),
                    &bytes);
        const std::uint32_t ttl = htonl(found->second.ttl_s);
        const std::size_t length = wants_v4 ? 4 : 16;
        answer.append("\xC0\x0C\x00", 3).append(1, wants_v4 ? '\x01' : '\x1c').append("\x00\x01", 2);
        answer.append(reinterpret_cast<const char*>(&ttl), 4).append(1, '\0').append(1, static_cast<char>(length));
        answer.append(reinterpret_cast<const char*>(&bytes), length);
      }
      ::sendto(socket_, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }

  static constexpr int busy_answers = 4;

  std::map<std::string, int> asked_;  ///< of the thread alone, as the next
  std::minstd_rand generator_;
  std::atomic<std::uint32_t> dropped_{0};
  std::mutex lock_;
  std::map<std::string, record> known_;
  int socket_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> queries_{0};
  std::thread thread_;
};

}  // namespace fanout_test
