#pragma once

#include "http/connection.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

/// \file
/// The open connections of one loop.
namespace fanout::http {

using idle_of_group = boost::intrusive::list<
    connection, boost::intrusive::member_hook<connection, boost::intrusive::list_member_hook<>, &connection::in_group>>;
using idle_of_pool = boost::intrusive::list<
    connection, boost::intrusive::member_hook<connection, boost::intrusive::list_member_hook<>, &connection::in_pool>>;

/// What two exchanges must have in common to use the same connection: everything that decides who the peer is.
struct pool_key_view {
  std::string_view origin;  ///< scheme, host and port
  const void* tls;          ///< the TLS settings; null for plain connections
};

struct pool_key {
  std::string origin;
  const void* tls;
};

/// The connections of one pool key. It lives while it has any, idle or in use.
struct host_group {
  const pool_key* key = nullptr;
  idle_of_group idle;
  std::size_t open = 0;  ///< idle ones included
};

/// Keeps connections open between exchanges. The latest one returned is the first one taken, so that the rest grow old
/// and expire. All operations take constant time: a linear scan of such a cache is what makes others collapse at
/// 10,000 connections.
///
/// Expiry happens when connections are taken and returned, never by a timer: a pool keeps no loop running.
/// Thread safety: none.
class connection_pool {
 public:
  using clock = std::chrono::steady_clock;
  struct limits {
    std::size_t idle;
    std::size_t idle_per_group;
    std::chrono::milliseconds lifetime;
  };

  connection_pool() = default;
  connection_pool(const connection_pool&) = delete;
  connection_pool& operator=(const connection_pool&) = delete;
  ~connection_pool() { clear(); }

  /// A usable idle connection; null when there is none. `check_always`: ask the system about the connection even when
  /// it has been idle for a moment only, as an exchange that cannot be repeated must.
  std::unique_ptr<connection> take(pool_key_view key, clock::time_point now, std::chrono::milliseconds lifetime,
                                   bool check_always);
  /// Counts a new connection under its key.
  void adopt(connection& fresh, pool_key_view key);
  /// Takes back a connection that can carry another exchange.
  void put(std::unique_ptr<connection> back, clock::time_point now, const limits& allowed);
  /// Closes a connection that was taken or adopted.
  void discard(std::unique_ptr<connection> broken) noexcept;
  /// Closes the idle connection unused for longest; false when there is none.
  bool close_oldest() noexcept;
  /// Closes all idle connections.
  void clear() noexcept;
  std::size_t idle() const noexcept { return all_.size(); }

 private:
  struct key_hash {
    using is_transparent = void;
    std::size_t operator()(const pool_key& key) const noexcept { return hash(key.origin, key.tls); }
    std::size_t operator()(pool_key_view key) const noexcept { return hash(key.origin, key.tls); }
    static std::size_t hash(std::string_view origin, const void* tls) noexcept {
      return std::hash<std::string_view>{}(origin) ^ std::hash<const void*>{}(tls) * 31;
    }
  };
  struct key_equal {
    using is_transparent = void;
    template <class Left, class Right>
    bool operator()(const Left& left, const Right& right) const noexcept {
      return left.tls == right.tls && left.origin == right.origin;
    }
  };

  std::unique_ptr<connection> unlink(connection& idle) noexcept;

  std::unordered_map<pool_key, host_group, key_hash, key_equal> groups_;
  idle_of_pool all_;
};

}  // namespace fanout::http
