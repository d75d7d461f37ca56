#pragma once

#include "http/io/background_timer.hpp"
#include "http/io/notifier.hpp"
#include "http/pool/connection.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
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

/// What two exchanges must have in common to use the same connection: everything that decides who the peer is, and who
/// the peer believes us to be.
struct pool_key_view {
  std::string_view peer;  ///< scheme, host and port; of the proxy, if that is who the requests are for
  const void* tls;        ///< the TLS settings; null for plain connections
  const void* transport;  ///< the settings that say how connections are made
};

struct pool_key {
  std::string peer;
  const void* tls;
  const void* transport;
};

/// What one client allows. 0 as a number of open connections is no limit.
struct pool_limits {
  std::size_t open = 0;
  std::size_t open_per_group = 0;
  std::size_t idle = 0;
  std::size_t idle_per_group = 0;
  std::chrono::milliseconds lifetime{0};
};

class connection_pool;
class connection_permit;
using permit_queue =
    boost::intrusive::list<connection_permit, boost::intrusive::base_hook<boost::intrusive::list_base_hook<>>>;

/// The right to have one more connection open. Its owner may have to wait in a queue: `wake` is notified when the
/// permit is granted. Queues are first come, first served, within a host and over all hosts. Destroying a permit leaves
/// the queue, or gives back what it was granted, so an owner that gives up or is cancelled, in whatever state, holds up
/// nobody.
class connection_permit : public boost::intrusive::list_base_hook<> {
 public:
  /// `only_new`: a connection that others have used is no use.
  connection_permit(connection_pool& pool, pool_key_view key, const pool_limits& limits, bool only_new, notifier& wake);
  connection_permit(const connection_permit&) = delete;
  connection_permit& operator=(const connection_permit&) = delete;
  ~connection_permit();

  bool granted() const noexcept { return state_ == state::granted || state_ == state::handed; }
  /// The connection that somebody else was done with and handed over; null if a new one is to be opened.
  std::unique_ptr<connection> take_handed() noexcept;
  /// The new connection uses the permit up.
  void fill(connection& fresh) noexcept;

 private:
  friend class connection_pool;
  enum class state : std::uint8_t {
    waiting_for_host,  ///< counted nowhere
    waiting_for_any,   ///< counted in its group
    granted,           ///< counted in its group and the pool
    handed,            ///< as the connection is
    spent,
  };
  connection_pool& pool_;
  host_group* group_;
  pool_limits limits_;
  notifier& wake_;
  std::unique_ptr<connection> handed_;
  std::uint64_t ticket_;
  state state_ = state::spent;
  bool only_new_;
};

/// The connections of one pool key. It lives while it has any, idle or in use, or somebody waits for one.
struct host_group {
  const pool_key* key = nullptr;
  idle_of_group idle;
  std::size_t open = 0;  ///< idle ones and granted permits included
  permit_queue waiting;
};

/// Keeps connections open between exchanges, and counts those that are open. The latest one returned is the first one
/// taken, so that the rest grow old and expire. All operations take constant time: a linear scan of such a cache is
/// what makes others collapse at 10,000 connections. Only what expires is found by a scan, a few times in a lifetime.
///
/// Thread safety: none.
class connection_pool {
 public:
  using clock = std::chrono::steady_clock;

  explicit connection_pool(asio::io_context& loop);
  connection_pool(const connection_pool&) = delete;
  connection_pool& operator=(const connection_pool&) = delete;
  ~connection_pool() { clear(); }

  /// A usable idle connection; null when there is none. `check_always`: ask the system about the connection even when
  /// it has been idle for a moment only, as an exchange that cannot be repeated must.
  std::unique_ptr<connection> take(pool_key_view key, clock::time_point now, std::chrono::milliseconds lifetime,
                                   bool check_always);
  /// Takes back a connection that can carry another exchange, and hands it to whoever waits for one like it.
  void put(std::unique_ptr<connection> back, clock::time_point now, const pool_limits& allowed);
  /// Closes a connection that was taken, or used a permit up.
  void discard(std::unique_ptr<connection> broken) noexcept;
  /// Closes the idle connection unused for longest; false when there is none.
  bool close_oldest() noexcept;
  /// Closes all idle connections.
  void clear() noexcept;
  std::size_t idle() const noexcept { return all_.size(); }
  /// Open connections, idle or in use or about to be.
  std::size_t open() const noexcept { return open_; }
  std::size_t waiting() const noexcept { return waiting_; }

 private:
  friend class connection_permit;
  struct key_hash {
    using is_transparent = void;
    std::size_t operator()(const pool_key& key) const noexcept { return hash(key.peer, key.tls, key.transport); }
    std::size_t operator()(pool_key_view key) const noexcept { return hash(key.peer, key.tls, key.transport); }
    static std::size_t hash(std::string_view peer, const void* tls, const void* transport) noexcept {
      return std::hash<std::string_view>{}(peer) ^ std::hash<const void*>{}(tls) * 31 ^
             std::hash<const void*>{}(transport) * 17;
    }
  };
  struct key_equal {
    using is_transparent = void;
    template <class Left, class Right>
    bool operator()(const Left& left, const Right& right) const noexcept {
      return left.transport == right.transport && left.tls == right.tls && left.peer == right.peer;
    }
  };

  std::unique_ptr<connection> unlink(connection& idle) noexcept;
  host_group& group_of(pool_key_view key);
  void join(connection_permit& who);
  void leave(connection_permit& who) noexcept;
  void wait_for_any(connection_permit& who);
  void grant(connection_permit& who) noexcept;
  bool hand_over(std::unique_ptr<connection>& back);
  void serve(host_group& group) noexcept;
  void serve_any() noexcept;
  void drop_if_unused(host_group& group) noexcept;
  void expire();

  std::unordered_map<pool_key, host_group, key_hash, key_equal> groups_;
  idle_of_pool all_;
  permit_queue waiting_for_any_;
  std::size_t open_ = 0;
  std::size_t waiting_ = 0;  ///< in all lines together
  std::uint64_t tickets_ = 0;
  background_timer expiry_;
};

}  // namespace fanout::http
