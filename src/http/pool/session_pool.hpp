#pragma once

#include "http/io/background_timer.hpp"
#include "http/io/notifier.hpp"
#include "http/pool/connection.hpp"

#include <boost/intrusive/list.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

/// \file
/// The sessions of one loop, and the streams they grant.
namespace fanout::http {

class connection_permit;
class session_pool;
struct session_group;

/// What a protocol that multiplexes keeps with its connection.
class session_protocol {
 public:
  session_protocol() = default;
  session_protocol(const session_protocol&) = delete;
  session_protocol& operator=(const session_protocol&) = delete;
  virtual ~session_protocol() = default;
  /// Whether another stream may be granted after a time without any. It looks at what the peer has sent meanwhile.
  virtual bool stands() noexcept = 0;
};

/// Which kind of session a host turned out to have.
enum class multiplexing : std::uint8_t {
  unknown,
  none,     ///< HTTP/1.1, the last time
  chosen,   ///< the peer takes many streams on a connection
  refused,  ///< it asked for HTTP/1.1, and is not offered anything else any more
};

/// A connection that HTTP is spoken on. One exchange at a time has one of its streams; a session of HTTP/1.1 has room
/// for one stream, one of a protocol that multiplexes for as many as its peer allows.
///
/// Thread safety: none. The pool owns it once a permit was used up for it.
class session {
 public:
  explicit session(polled_socket open_socket) : wire(std::move(open_socket)) {}

  connection wire;
  std::size_t most_streams = 1;                ///< at a time
  bool used = false;                           ///< carried an exchange before
  std::unique_ptr<session_protocol> protocol;  ///< above the connection; null for HTTP/1.1

  // The pool's.
  bool retired = false;  ///< no stream is granted any more
  session_group* group = nullptr;
  std::size_t streams = 0;                             ///< that are granted
  std::chrono::steady_clock::time_point idle_since{};  ///< when a stream was last given back
  std::chrono::steady_clock::time_point idle_until{};  ///< when it is closed unless it is used before
  boost::intrusive::list_member_hook<> in_group;       ///< among those of its group with room, latest first
  boost::intrusive::list_member_hook<> in_pool;        ///< among all idle ones of its loop, latest first
};

using sessions_with_room = boost::intrusive::list<
    session, boost::intrusive::member_hook<session, boost::intrusive::list_member_hook<>, &session::in_group>>;
using idle_sessions = boost::intrusive::list<
    session, boost::intrusive::member_hook<session, boost::intrusive::list_member_hook<>, &session::in_pool>>;

/// The right to one stream of a session. It is given back by `session_pool::put`; destroying it, or `reset`, says that
/// the session is of no use any more: no stream is granted there again, and with its last one it is closed.
class stream_grant {
 public:
  stream_grant() = default;
  stream_grant(stream_grant&& other) noexcept : session_(std::exchange(other.session_, nullptr)) {}
  stream_grant& operator=(stream_grant&& other) noexcept {
    reset();
    session_ = std::exchange(other.session_, nullptr);
    return *this;
  }
  ~stream_grant() { reset(); }

  void reset() noexcept;
  explicit operator bool() const noexcept { return session_ != nullptr; }
  session& operator*() const noexcept { return *session_; }
  session* operator->() const noexcept { return session_; }

 private:
  friend class connection_permit;
  friend class session_pool;
  explicit stream_grant(session& of) noexcept : session_(&of) {}
  session* session_ = nullptr;
};

/// How much an exchange that can be sent only once relies on a session that others have used.
enum class reuse {
  as_it_is,   ///< a session that turns out closed costs another one
  looked_at,  ///< the request is lost with it
};

/// What two exchanges must have in common to use the same session: everything that decides who the peer is, and who
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
  bool may_multiplex = false;  ///< new sessions may turn out to have room for many streams
};

using permit_queue =
    boost::intrusive::list<connection_permit, boost::intrusive::base_hook<boost::intrusive::list_base_hook<>>>;

/// The right to have one more connection open. Its owner may have to wait in a queue: `wake` is notified when the
/// permit is granted. Queues are first come, first served, within a host and over all hosts. Destroying a permit leaves
/// the queue, or gives back what it was granted, so an owner that gives up or is cancelled, in whatever state, holds up
/// nobody.
class connection_permit : public boost::intrusive::list_base_hook<> {
 public:
  /// `only_new`: a session that others have used is no use. `how`: whether one that is handed over is looked at first.
  connection_permit(session_pool& pool, pool_key_view key, const pool_limits& limits, bool only_new, notifier& wake,
                    reuse how = reuse::as_it_is);
  connection_permit(const connection_permit&) = delete;
  connection_permit& operator=(const connection_permit&) = delete;
  ~connection_permit();

  bool granted() const noexcept { return state_ == state::granted || state_ == state::handed; }
  /// The stream that another exchange was done with and handed over; empty if a new connection is to be opened.
  stream_grant take_handed() noexcept;
  /// What is known of the host.
  multiplexing host_has() const noexcept;
  /// The new session uses the permit up. Its first stream.
  stream_grant fill(std::unique_ptr<session> fresh);

 private:
  friend class session_pool;
  enum class state : std::uint8_t {
    waiting_for_host,   ///< counted nowhere
    waiting_for_any,    ///< counted in its group
    waiting_for_other,  ///< for a connection under way that may have a stream for it; counted nowhere
    granted,            ///< counted in its group and the pool
    handed,             ///< as the session is
    spent,
  };
  session_pool& pool_;
  session_group* group_;
  pool_limits limits_;
  notifier& wake_;
  stream_grant handed_;
  std::uint64_t ticket_;
  state state_ = state::spent;
  bool only_new_;
  reuse how_;
};

/// The sessions of one pool key. It lives while it has any, or somebody waits for one.
struct session_group {
  session_pool* pool = nullptr;
  const pool_key* key = nullptr;
  sessions_with_room with_room;
  std::size_t idle = 0;  ///< of those
  /// The peer was seen to keep a session open after a response: it carried another exchange, or was quiet for a while.
  bool keeps_open = false;
  std::size_t open = 0;  ///< full ones and granted permits included
  permit_queue waiting;

  // Where sessions may multiplex.
  multiplexing has = multiplexing::unknown;
  std::size_t streams = 0;           ///< granted, of all its sessions
  std::size_t opening = 0;           ///< permits that are counted in `open`
  std::size_t opening_for_many = 0;  ///< those of them whose session may have streams for others
  bool in_a_hurry = false;           ///< a connection that others waited for failed: nobody waits for another's
  std::size_t most_streams = 0;      ///< after the peer asked for calm; 0: as many as the limits allow
  std::size_t since_calm = 0;        ///< streams that were given back since `most_streams` changed
  permit_queue waiting_for_other;
};

/// Keeps sessions open between exchanges, counts those that are open, and grants streams of them. The latest one
/// returned is the first one taken, so that the rest grow old and expire. All operations take constant time: a linear
/// scan of such a cache is what makes others collapse at 10,000 connections. Only what expires is found by a scan, a
/// few times in a lifetime.
///
/// Thread safety: none.
class session_pool {
 public:
  using clock = std::chrono::steady_clock;

  explicit session_pool(asio::io_context& loop);
  session_pool(const session_pool&) = delete;
  session_pool& operator=(const session_pool&) = delete;
  ~session_pool() { clear(); }

  /// A stream of a session with room for one; empty when there is none. `reuse::looked_at`, for an exchange that cannot
  /// be repeated: ask the system about an idle session even when it has been idle for a moment only, and take none
  /// whose peer may be about to close it, as one that has not been seen to keep sessions open may be. Where `limits`
  /// allow no other connection, it is taken all the same.
  stream_grant take(pool_key_view key, clock::time_point now, std::chrono::milliseconds lifetime, reuse how,
                    const pool_limits& limits = {});
  /// Takes back a stream of a session that can carry another exchange, and hands it to whoever waits for one like it.
  /// `back` is empty afterwards.
  void put(stream_grant&& back, clock::time_point now, const pool_limits& allowed);
  /// A session that multiplexes has room for so many streams from now on.
  void set_most_streams(session& of, std::size_t most);
  /// No more streams are granted of it. It is closed with its last stream, or at once: then it is gone.
  void drain(session& of) noexcept;
  /// Its host asked for HTTP/1.1.
  void refuse_multiplexing(session& of);
  /// Its host asked to be spared: half as many streams as now, and one more after each so many that went well.
  void calm_down(session& of) noexcept;

  /// Closes the idle session unused for longest; false when there is none.
  bool close_oldest() noexcept;
  /// Closes all idle sessions.
  void clear() noexcept;
  std::size_t idle() const noexcept { return idle_.size(); }
  /// Open sessions, idle or in use, or about to be.
  std::size_t open() const noexcept { return open_; }
  std::size_t waiting() const noexcept { return waiting_; }

 private:
  friend class connection_permit;
  friend class stream_grant;
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

  bool may_be_closing(session_group& group, clock::time_point now) noexcept;
  bool has_room(const session_group& group, const pool_limits& limits) const noexcept;
  session_group& group_of(pool_key_view key);
  stream_grant grant_stream(session& of) noexcept;
  bool is_full(const session_group& group, std::size_t most) const noexcept;
  void remember(const session_group& group);
  void release_waiting_for_other(session_group& group);
  void hand_out(session_group& group);
  bool hand_to(connection_permit& who, stream_grant& stream) noexcept;
  void enter_host_queue(connection_permit& who);
  void retire(session& of) noexcept;
  void close_idle(session& gone) noexcept;
  void close(session& gone) noexcept;
  void join(connection_permit& who);
  void leave(connection_permit& who) noexcept;
  void not_opened(connection_permit& who) noexcept;
  void wait_for_any(connection_permit& who);
  void grant(connection_permit& who) noexcept;
  bool hand_over(stream_grant& back);
  void serve(session_group& group) noexcept;
  void serve_any() noexcept;
  void drop_if_unused(session_group& group) noexcept;
  void expire();

  std::unordered_map<pool_key, session_group, key_hash, key_equal> groups_;
  std::unordered_map<pool_key, multiplexing, key_hash, key_equal> remembered_;
  idle_sessions idle_;
  permit_queue waiting_for_any_;
  std::size_t open_ = 0;
  std::size_t waiting_ = 0;  ///< in all queues together
  std::uint64_t tickets_ = 0;
  background_timer expiry_;
};

inline void stream_grant::reset() noexcept {
  if (session* const gone = std::exchange(session_, nullptr)) gone->group->pool->retire(*gone);
}

}  // namespace fanout::http
