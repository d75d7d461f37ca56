#include "http/tls/tls_sessions.hpp"

#include <algorithm>
#include <iterator>

namespace fanout::http {
namespace {

bool is_single_use(const SSL_SESSION* session) noexcept {
  return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

bool has_expired(const SSL_SESSION* session, std::time_t now) noexcept {
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
  const time_t made = SSL_SESSION_get_time_ex(session);
#else
  const long made = SSL_SESSION_get_time(session);
#endif
  long lifetime = SSL_SESSION_get_timeout(session);
  if (const auto hint = SSL_SESSION_get_ticket_lifetime_hint(session); hint != 0)
    lifetime = std::min(lifetime, static_cast<long>(hint));
  return now < made || now - made >= lifetime;
}

}  // namespace

void tls_session_cache::put(std::string_view key, ssl_session session) {
  if (SSL_SESSION_is_resumable(session.get()) != 1) return;
  const std::lock_guard guard(lock_);
  const auto known = by_key_.find(key);
  if (known != by_key_.end()) {
    entries_.splice(entries_.begin(), entries_, known->second);
  } else {
    entries_.push_front({std::string(key), {}});
    by_key_.emplace(entries_.front().key, entries_.begin());
  }
  auto& sessions = entries_.front().sessions;
  const std::size_t most = is_single_use(session.get()) ? most_per_key : 1;
  while (sessions.size() >= most) {
    sessions.pop_front();
    --size_;
  }
  sessions.push_back(std::move(session));
  ++size_;
  while (size_ > most_sessions) remove(std::prev(entries_.end()));
}

ssl_session tls_session_cache::take(std::string_view key, std::time_t now) {
  const std::lock_guard guard(lock_);
  const auto known = by_key_.find(key);
  if (known == by_key_.end()) return nullptr;
  const auto at = known->second;
  entries_.splice(entries_.begin(), entries_, at);
  ssl_session found;
  while (!found && !at->sessions.empty()) {
    ssl_session& latest = at->sessions.back();
    if (!has_expired(latest.get(), now) && !is_single_use(latest.get())) {
      SSL_SESSION_up_ref(latest.get());
      return ssl_session(latest.get());
    }
    if (!has_expired(latest.get(), now)) found = std::move(latest);
    at->sessions.pop_back();
    --size_;
  }
  if (at->sessions.empty()) remove(at);
  return found;
}

void tls_session_cache::forget(std::string_view key) {
  const std::lock_guard guard(lock_);
  if (const auto known = by_key_.find(key); known != by_key_.end()) remove(known->second);
}

std::size_t tls_session_cache::size() const {
  const std::lock_guard guard(lock_);
  return size_;
}

void tls_session_cache::remove(entry_list::iterator at) {
  size_ -= at->sessions.size();
  by_key_.erase(at->key);
  entries_.erase(at);
}

int keep_tls_session(SSL* from, SSL_SESSION* session) {
  const auto* const slot = static_cast<const tls_session_slot*>(SSL_get_app_data(from));
  if (!slot) return 0;
  slot->cache->put(slot->key, ssl_session(session));
  return 1;  // ours now
}

}  // namespace fanout::http
