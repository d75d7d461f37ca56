#pragma once

#include <fanout/http/client_options.hpp>
#include <fanout/http/request.hpp>
#include <fanout/http/response.hpp>

#include "http/body/outgoing_body.hpp"
#include "http/h2/h2_framing.hpp"
#include "http/h2/h2_request.hpp"
#include "http/h2/h2_response.hpp"
#include "http/h2/h2_session.hpp"
#include "http/io/poller.hpp"
#include "http/loop/loop_state.hpp"
#include "http/loop/time_limits.hpp"
#include "http/pool/stream.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

/// \file
/// One request and its response on a connection of HTTP/2.
namespace fanout::http {

/// A stream of an `h2_session`. It takes what the session reads for it, and gives what the session has room to send;
/// its coroutine is parked meanwhile and goes on when there is something for it to do. Buffers are used again for the
/// next request.
///
/// A body that is kept or dropped is taken as it comes, so the peer always has credit. Of a streamed one the peer gets
/// new credit as the reader takes it.
///
/// Failures are thrown as `fanout::error`. Thread safety: none; belongs to its loop's thread.
class h2_stream final : private h2_events {
 public:
  /// As `h1_stream`.
  h2_stream(loop_state& loop, outgoing_body& body, time_limits& limits, response& answer)
      : body_(body), limits_(limits), answer_(answer), parked_(loop.sockets()) {}
  h2_stream(const h2_stream&) = delete;
  h2_stream& operator=(const h2_stream&) = delete;
  ~h2_stream() override { leave(); }

  void prepare(const request& what, const stream_settings& how);
  /// Begins on this session, which has an `h2_session`.
  void begin(session& on, bool streaming);
  /// The session is no longer this stream's. What is under way is reset.
  void leave() noexcept;
  void end() noexcept;

  step advance();
  step advance_body();
  template <class Handler>
  void begin_wait(Handler handler) {
    parked_.begin(std::move(handler));
  }
  void cancel() noexcept { parked_.resume(asio::error::operation_aborted); }

  void moved(const request& what) noexcept { request_ = &what; }
  bool holds_body() const noexcept { return held_; }
  void send_body();

  bool answered() const noexcept { return response_->got_some(); }
  bool complete() const noexcept { return response_->complete(); }
  bool has_head() const noexcept { return response_ && response_->header_done(); }
  int status() const noexcept { return response_->status(); }
  /// The request was not acted on and may be sent again, whatever it is.
  bool unprocessed() const noexcept { return lost_ && lost_->unprocessed; }
  /// The same, and the connection had answered others before it went away.
  bool others_done() const noexcept { return lost_ && lost_->others_done; }
  std::string how_far() const { return response_->how_far(); }
  [[noreturn]] void raise_lost(std::string_view remark) const;

  void conclude() noexcept { response_->conclude(); }
  response take_head();
  bool kept_whole() const noexcept { return response_->kept_whole(); }
  std::string& body() noexcept { return piece_; }
  bool exhausted() const noexcept { return response_->exhausted() && response_->body().empty(); }
  void finish(response& head) const;

 private:
  void on_fields() override { response_->begin_fields(); }
  bool on_field(std::string_view name, std::string_view value) override;
  bool on_fields_end() override;
  void on_data(std::string_view bytes) override;
  void on_end() override;
  void on_lost(const h2_end& how) override;
  std::ptrdiff_t on_room(std::span<char> into, bool& last) override;
  void on_sent() override { limits_.all_sent(); }
  void on_moved(std::size_t sent, std::size_t received) override;
  std::size_t fill(std::span<char> into, bool& last);
  void wake() { parked_.resume(); }
  std::string peer() const { return request_->url.host_and_port(); }

  struct loss {
    std::uint32_t code;
    bool unprocessed;
    bool by_peer;
    bool others_done;
    std::string why;
  };

  outgoing_body& body_;
  time_limits& limits_;
  response& answer_;
  const client_options* options_ = nullptr;
  const request* request_ = nullptr;
  h2_session* on_ = nullptr;
  h2_request fields_;
  std::optional<h2_response> response_;
  std::optional<loss> lost_;
  std::exception_ptr failed_;  ///< what the request's body threw
  std::string_view unsent_;    ///< of the body's piece under way
  std::string piece_;          ///< of a streamed body: what its reader has, while more comes
  std::size_t untaken_ = 0;    ///< bytes of DATA that the peer has no new credit for yet
  parked_wait parked_;
  bool holds_back_ = false;
  bool held_ = false;        ///< the body, until the server answers `Expect`
  bool wants_body_ = false;  ///< more of it has to be pulled
  bool pulling_ = false;     ///< the exchange does so
  bool streaming_ = false;
  bool header_told_ = false;
};

}  // namespace fanout::http
