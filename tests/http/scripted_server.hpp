#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

/// \file
/// A server on 127.0.0.1 that does, byte for byte, what a test tells it.
namespace fanout_test {

class h2_translation;

/// One accepted connection, blocking. Failures of the peer end the script quietly: the client may hang up any time.
///
/// To a client that begins with the preface of HTTP/2 it speaks HTTP/2, and the script need not know. `read_exactly`
/// reads what comes as it is, for scripts that are written in frames, and does not go with the other two.
class peer {
 public:
  /// `http_2`: the client will begin so, even if the script sends first.
  peer(int descriptor, SSL* tls, bool http_2 = false);
  peer(const peer&) = delete;
  ~peer();

  /// The next request, header and body; empty when the client closed first.
  std::string read_request();
  /// Everything up to `end`; empty when the client closed first.
  std::string read_until(std::string_view end);
  /// The next bytes, fewer when the client closed first.
  std::string read_exactly(std::size_t size);
  /// Goes on in TLS, as what is behind a tunnel does; within the TLS there is already. False when the handshake fails.
  bool start_tls(SSL_CTX* context);
  /// False when the client closed before it took them all.
  bool send(std::string_view bytes);
  /// Sends `bytes` again and again until the client, and all buffers in between, take no more.
  void send_until_full(std::string_view bytes);
  /// Closes with a reset instead of an orderly end.
  void reset();
  /// Ends TLS in order, as a server that closes should.
  void say_goodbye();
  /// Returns once the client has closed, or the server is being destroyed.
  void wait_until_closed();
  /// The same, and whatever the client has sent stays unread.
  void wait_for_close_without_reading();

 private:
  std::size_t read(char* into, std::size_t size);
  bool write(std::string_view bytes);
  bool read_more();
  bool find_out_version();
  bool send_frames();
  void close_gently();
  int descriptor_;
  SSL* tls_;
  SSL* own_tls_ = nullptr;
  std::string ahead_;
  std::unique_ptr<h2_translation> translation_;
  bool version_known_ = false;
  bool http_2_;
  bool resets_ = false;
};

/// Plays `script(peer, n)` for the n-th connection, counted from 0, each on a thread of its own. The connection is
/// closed when the script returns. The destructor closes everything and joins all threads.
class scripted_server {
 public:
  using script = std::function<void(peer&, int)>;
  enum class address { v4, v6 };
  /// On 127.0.0.1, or on ::1 alone.
  explicit scripted_server(script play, SSL_CTX* tls = nullptr, address on = address::v4);
  scripted_server(const scripted_server&) = delete;
  ~scripted_server();

  std::uint16_t port() const noexcept { return port_; }
  std::string url(std::string_view path = "/", std::string_view host = "127.0.0.1") const;
  int connections() const noexcept { return accepted_; }
  /// Clients speak HTTP/2 from the first byte, as by `fanout_test::version_under_test` when the server was made.
  static bool& expects_http_2();
  /// System ids of all threads the server has started so far.
  std::set<int> threads();

 private:
  void accept_all();
  void play_one(int descriptor, int number);

  script play_;
  SSL_CTX* tls_;
  bool http_2_ = expects_http_2();
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_{0};
  std::mutex lock_;
  bool stopping_ = false;
  std::set<int> open_;
  std::set<int> thread_ids_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

/// A script that answers every request of every connection with the same bytes.
scripted_server::script always(std::string answer);

/// "HTTP/1.1 200 OK" with this body and its length.
std::string ok(std::string_view body);

/// `bytes` as one chunk.
std::string chunk(std::string_view bytes);

}  // namespace fanout_test
