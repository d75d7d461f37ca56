#pragma once

#include <fanout/base/deadline.hpp>

#include "http/h2/h2_framing.hpp"
#include "http/io/poller.hpp"
#include "http/loop/loop_state.hpp"
#include "http/pool/session_pool.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

/// \file
/// One HTTP/2 connection of a pool.
namespace fanout::http {

/// Reads and writes a connection for all its streams. It is no coroutine: the poller gives it a turn when the socket is
/// ready, or when a stream has queued something. A turn reads what came, which resumes streams, and writes all that is
/// queued at once. So requests that begin in one turn of the loop travel together.
///
/// After a pause it asks the peer by a PING before it sends the first request: if the connection is dead, no request is
/// lost with it.
///
/// Thread safety: none. Destroying it says GOAWAY; its streams must be gone.
class h2_session final : public session_protocol, private socket_user, private h2_framing::listener {
 public:
  /// Without a word from the peer for this long, it is asked before a request is sent; and how long the answer may
  /// take. Tests change them, before anything runs.
  static inline std::chrono::milliseconds trusted_for{5000};
  static inline std::chrono::milliseconds answer_within{2000};

  /// Speaks HTTP/2 on the connection of `owner`, which is new, from now on, with up to `most_streams` at a time. It
  /// belongs to `owner`.
  static void begin_on(loop_state& loop, session& owner, std::size_t most_streams);
  h2_session(loop_state& loop, session& owner, std::size_t most_streams);
  ~h2_session() override;

  bool stands() noexcept override;

  /// \name For streams
  /// @{
  /// Begins a stream, now or when the peer has shown that it is there. False when the connection takes none any more.
  bool begin(std::span<const nghttp2_nv> fields, bool body, h2_events& events);
  void resume_body(h2_events& events);
  /// Gives a stream up; its events are not called again.
  void drop(h2_events& events, std::uint32_t code) noexcept;
  void consumed(const h2_events& events, std::size_t bytes, std::int32_t least = 0) noexcept;
  /// The host asked to be spared, or for HTTP/1.1.
  void calm_down() noexcept;
  void refuse_multiplexing();
  /// Whether the pool may grant streams of it.
  bool takes_requests() const noexcept { return !ended_ && framing_.takes_requests(); }
  /// What broke it, if something did.
  const std::string& why() const noexcept { return why_; }
  /// When the turn began in which events are called.
  std::chrono::steady_clock::time_point now() const noexcept { return now_; }
  poller& sockets() const noexcept { return loop_.sockets(); }
  /// @}

 private:
  class pong_deadline final : public deadline_entry {
   public:
    explicit pong_deadline(h2_session& of) : of_(of) {}

   private:
    void on_deadline() override { of_.on_silence(); }
    h2_session& of_;
  };

  void on_turn() noexcept override;
  void on_most_streams(std::size_t most) override;
  void on_pong() override;
  void on_silence() noexcept;
  void run_turn();
  bool read();
  bool write();
  void end(bool unprocessed, std::string why);
  void retire() noexcept;

  /// A stream that waits for the answer to a PING.
  struct request_to_come {
    std::span<const nghttp2_nv> fields;
    bool body;
    h2_events* events;
  };

  loop_state& loop_;
  session& owner_;
  std::size_t most_streams_;
  h2_framing framing_;
  std::string out_;                    ///< collected, and not taken by the socket yet
  std::size_t written_ = 0;            ///< of it
  std::vector<request_to_come> held_;  ///< until the peer has answered
  pong_deadline silence_{*this};
  std::chrono::steady_clock::time_point now_{};
  std::chrono::steady_clock::time_point last_heard_{};
  std::string why_;
  bool asking_ = false;   ///< a PING is under way that streams wait for
  bool blocked_ = false;  ///< the socket took no more
  bool ended_ = false;    ///< the connection is of no use any more
};

}  // namespace fanout::http
