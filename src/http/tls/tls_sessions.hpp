#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

/// \file
/// TLS sessions of earlier connections, for later ones to take up.
namespace fanout::http {

struct ssl_session_deleter {
  void operator()(SSL_SESSION* session) const noexcept { SSL_SESSION_free(session); }
};
using ssl_session = std::unique_ptr<SSL_SESSION, ssl_session_deleter>;

/// Sessions by the key of the pool (origin and proxy), so that none is offered to another host. Each `tls_context` has
/// one cache: a session that was made without verification, or with another client certificate, is never found by
/// whoever has other settings.
///
/// A session of TLS 1.3 is handed out once (RFC 8446 appendix C.4: a ticket used twice links connections to each
/// other); one of TLS 1.2 as often as it is asked for. The sessions of the key unused for longest go first.
///
/// Thread safety: all members may be called from any thread.
class tls_session_cache {
 public:
  static constexpr std::size_t most_sessions = 1024;
  static constexpr std::size_t most_per_key = 32;

  void put(std::string_view key, ssl_session session);
  /// A session that has not expired at `now`, the latest first; null when there is none.
  ssl_session take(std::string_view key, std::time_t now = std::time(nullptr));
  /// What a server refused to go on with.
  void forget(std::string_view key);
  std::size_t size() const;

 private:
  struct entry {
    std::string key;
    std::deque<ssl_session> sessions;  ///< the latest last
  };
  using entry_list = std::list<entry>;

  void remove(entry_list::iterator at);

  mutable std::mutex lock_;
  entry_list entries_;  ///< the one used last first
  std::unordered_map<std::string_view, entry_list::iterator> by_key_;
  std::size_t size_ = 0;
};

/// Where the sessions of one connection go: the application data of its `SSL`.
struct tls_session_slot {
  tls_session_cache* cache = nullptr;
  std::string key = {};
};

/// OpenSSL's callback for a new session, which with TLS 1.3 comes some time after the handshake.
int keep_tls_session(SSL* from, SSL_SESSION* session);

}  // namespace fanout::http
