#pragma once

#include <fanout/http/client_options.hpp>
#include <fanout/http/request.hpp>
#include <fanout/http/response.hpp>

#include "http/body/outgoing_body.hpp"
#include "http/h1/response_parser.hpp"
#include "http/loop/loop_state.hpp"
#include "http/loop/time_limits.hpp"
#include "http/pool/connection.hpp"
#include "http/pool/stream.hpp"
#include "http/proxy/proxy.hpp"

#include <optional>
#include <string>
#include <string_view>

/// \file
/// One request and its response on a connection of HTTP/1.1.
namespace fanout::http {

/// Serialises a request, sends it, and reads and parses the response (RFC 9112). It has the connection to itself as
/// long as it lasts. Nothing but `prepare` allocates, and its buffers are used again for the next request.
///
/// Failures are thrown as `fanout::error`. Thread safety: none; belongs to its loop's thread.
class h1_stream {
 public:
  /// The exchange's: its body, its times, and where its response comes to lie, with what is measured. They must outlive
  /// the stream.
  h1_stream(loop_state& loop, outgoing_body& body, time_limits& limits, response& answer)
      : loop_(loop), body_(body), limits_(limits), answer_(answer) {}
  h1_stream(const h1_stream&) = delete;
  h1_stream& operator=(const h1_stream&) = delete;

  using settings = stream_settings;
  /// Checks and serialises the header. `what`, whose body is open, and the options must outlive the stream's use.
  void prepare(const request& what, const settings& how);
  /// Request line and header, after `prepare`.
  std::string_view head() const noexcept { return std::string_view(head_).substr(0, head_.find("\r\n\r\n") + 4); }
  /// Begins on this connection. `streaming`: the response's body is read bit by bit.
  void begin(connection& on, bool streaming);
  /// The connection is no longer this stream's.
  void leave() noexcept { on_ = nullptr; }
  /// Forgets the response, too.
  void end() noexcept;

  step advance();
  step advance_body();
  auto wait(step next) { return on_->socket.wait(waits_for(next)); }
  /// For who has the completion handler of a wait already.
  template <class Handler>
  void begin_wait(Handler handler, step next) {
    on_->socket.begin_wait(std::move(handler), waits_for(next));
  }
  void cancel() noexcept {
    if (on_) on_->socket.cancel();
  }

  /// The request lies here from now on; it is no longer sent.
  void moved(const request& what) noexcept { request_ = &what; }
  bool holds_body() const noexcept { return sending_ == sending::held_back; }
  void send_body() noexcept;

  bool answered() const noexcept { return parser_->got_some(); }
  bool complete() const noexcept { return parser_->complete(); }
  bool has_head() const noexcept { return parser_ && parser_->header_done(); }
  int status() const noexcept { return parser_->status(); }
  bool session_usable() const noexcept;
  std::string how_far() const { return parser_->how_far(); }
  /// A failure for `step::lost`; `remark` is added where the connection was an old one.
  [[noreturn]] void raise_lost(std::string_view remark) const;

  void conclude() noexcept { parser_->conclude(); }
  response take_head();
  bool kept_whole() const noexcept { return parser_->kept_whole(); }
  std::string& body() noexcept { return parser_->body(); }
  bool exhausted() const noexcept { return parser_->exhausted(); }
  void finish(response& head) const;

 private:
  /// What of the request is on its way. `held_back`: the body, until the server answers `Expect`.
  enum class sending { head, held_back, body, done };

  bool write_some(step& next);
  bool next_part(step& next);
  bool next_piece(step& next);
  step read_some();
  step at_end(io_state how);
  step at_fault();
  std::string peer() const { return request_->url.host_and_port(); }

  loop_state& loop_;
  outgoing_body& body_;
  time_limits& limits_;
  response& answer_;
  const client_options* options_ = nullptr;
  const request* request_ = nullptr;
  connection* on_ = nullptr;
  std::optional<response_parser> parser_;
  std::string head_;         ///< the request line and header, and a small body behind it
  std::string leftover_;     ///< bytes of a line that is not complete yet
  std::string_view unsent_;  ///< of the part under way
  io_result lost_{io_state::done};
  sending sending_ = sending::head;
  bool holds_back_ = false;
  bool body_in_head_ = false;
  bool last_chunk_sent_ = false;
  bool was_blocked_ = false;  ///< the peer took no more of the body for a while
  bool streaming_ = false;
  bool header_told_ = false;
  bool write_broken_ = false;  ///< the peer takes no more; it may have answered before it closed
  bool unsolicited_bytes_ = false;
};

}  // namespace fanout::http
