#pragma once

#include "http/h2/h2_window.hpp"
#include "http/loop/h2_memory.hpp"

#include <boost/intrusive/list.hpp>

#include <nghttp2/nghttp2.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

/// \file
/// The frames of one HTTP/2 connection, without the connection.
namespace fanout::http {

/// Why a stream ended before its response was whole.
struct h2_end {
  std::uint32_t code = 0;    ///< RFC 9113 section 7
  bool unprocessed = false;  ///< the server has not acted on the request: it can be sent again, whatever it is
  bool by_peer = false;      ///< otherwise what the peer sent broke the protocol
  bool others_done = false;  ///< the connection goes away after it has answered others: the next one gets further
  std::string_view why;      ///< as nghttp2 phrases it; empty when the peer said nothing but the code
};

/// One stream, as the framing sees it. What is called here is called in the midst of `feed` and `collect`: it may
/// resume nobody at once, and call nothing of the framing but `drop`.
class h2_events : public boost::intrusive::list_base_hook<> {
 public:
  /// The fields of a header begin, or of an interim one, or trailers; each of them; and their end. False: the response
  /// is refused, and its owner will `drop` the stream.
  virtual void on_fields() = 0;
  virtual bool on_field(std::string_view name, std::string_view value) = 0;
  virtual bool on_fields_end() = 0;
  virtual void on_data(std::string_view bytes) = 0;
  /// The response is whole.
  virtual void on_end() = 0;
  /// It is not and never will be. The framing knows the stream no more.
  virtual void on_lost(const h2_end& how) = 0;
  /// So many bytes of the request's body may be sent. Returns how many were written; `last`: there are no more. With 0
  /// and not `last` the framing asks again after `resume_body`. Negative: the stream is reset.
  virtual std::ptrdiff_t on_room(std::span<char> into, bool& last) = 0;
  /// The request is out.
  virtual void on_sent() = 0;
  /// So many bytes of frames went out or came in, but for what `on_data` has.
  virtual void on_moved(std::size_t sent, std::size_t received) = 0;

  std::int32_t stream_id() const noexcept { return id_; }

 protected:
  virtual ~h2_events() = default;

 private:
  friend class h2_framing;
  std::int32_t id_ = 0;  ///< 0: the framing does not know it
  bool end_called_ = false;
  bool reset_by_peer_ = false;
  const char* invalid_ = nullptr;  ///< what of it broke the protocol
};

/// Turns requests into frames and frames into what happens to streams, by nghttp2: a client's side of RFC 9113. It
/// reads and writes no socket: `feed` takes what came, `collect` gives what is to be sent. All else here only queues
/// frames.
///
/// A peer that floods it with frames that lead nowhere, or breaks the protocol, ends it (`over`). What is kept for a
/// peer is bounded. Push is refused.
///
/// Thread safety: none.
class h2_framing {
 public:
  /// Credit that the peer has on the connection, and at first on each stream. A stream whose reader keeps up is given
  /// as much as bandwidth and delay ask for (`h2_window`), and one that nobody reads holds up to its window.
  static constexpr std::int32_t connection_window = 64 * 1024 * 1024;
  static constexpr std::int32_t stream_window = h2_window::initial;

  /// What has become of the whole connection.
  struct listener {
    /// The peer said how many streams it takes at a time.
    virtual void on_most_streams(std::size_t most) = 0;
    /// It answered the last PING.
    virtual void on_pong() = 0;

   protected:
    ~listener() = default;
  };

  /// Throws `std::bad_alloc`. `memory` and `events` must outlive it.
  h2_framing(h2_memory& memory, listener& events);
  h2_framing(const h2_framing&) = delete;
  h2_framing& operator=(const h2_framing&) = delete;
  ~h2_framing();

  /// Whether the peer takes another request on this connection. False for good after GOAWAY, or when the ids are used
  /// up.
  bool takes_requests() const noexcept;
  /// Begins a stream. The fields' text must stay until it ends or `drop`. False when it was not begun.
  bool submit(std::span<const nghttp2_nv> fields, bool body, h2_events& events);
  /// There is more of the body.
  void resume_body(h2_events& events);
  /// Ends a stream that nobody wants any more; its events are not called again.
  void drop(h2_events& events, std::uint32_t code) noexcept;
  /// So many bytes of a stream's DATA were taken: the peer gets as much new credit, and more where the stream's window
  /// is less than `least` or than the connection needs.
  void consumed(const h2_events& events, std::size_t bytes, std::int32_t least = 0) noexcept;
  void ping() noexcept;
  /// Tells the peer that this end goes.
  void say_goodbye() noexcept;

  /// Takes all of it, which was read at `now`. False when the connection is of no use any more; what the framing has to
  /// say about it may still be collected.
  bool feed(std::string_view bytes, std::chrono::steady_clock::time_point now);
  /// Appends frames until there are no more, or about `most` bytes.
  bool collect(std::string& out, std::size_t most);
  bool wants_to_send() const noexcept { return nghttp2_session_want_write(session_) != 0; }
  /// Everything that is open is lost: the connection is.
  void lose_all(bool unprocessed, std::string_view why);

  /// The peer said GOAWAY, and with which code.
  bool going_away() const noexcept { return going_away_; }
  std::uint32_t goaway_code() const noexcept { return goaway_code_; }
  /// Nothing more is read: the protocol was broken, or GOAWAY answered and all streams done.
  bool over() const noexcept { return over_; }
  /// Why, for a message; empty when the peer ended it in order.
  const std::string& why() const noexcept { return why_; }
  bool any_stream() const noexcept { return !open_.empty(); }
  /// The peer's SETTINGS have come.
  bool greeted() const noexcept { return greeted_; }

 private:
  struct callbacks;
  friend struct callbacks;
  h2_events* find(std::int32_t stream) noexcept;
  void forget(h2_events& events) noexcept;
  bool fail(std::string why) noexcept;
  bool count_useless() noexcept;

  listener& listener_;
  nghttp2_session* session_ = nullptr;
  boost::intrusive::list<h2_events> open_;
  h2_events* found_ = nullptr;  ///< the last one that was looked for, while it is open
  h2_window window_;
  std::chrono::steady_clock::time_point now_{};  ///< as `feed` had it
  std::size_t unconsumed_ = 0;                   ///< of the connection's window, since `feed` began
  std::size_t useless_bytes_ = 0;                ///< likewise
  std::size_t useless_ = 0;                      ///< frames that led nowhere, since one that did not
  std::uint32_t goaway_code_ = 0;
  bool going_away_ = false;
  bool answered_any_ = false;
  bool greeted_ = false;
  bool over_ = false;
  std::string why_;
};

/// "PROTOCOL_ERROR" for 1.
const char* h2_error_name(std::uint32_t code) noexcept;

}  // namespace fanout::http
