#pragma once

#include <fanout/base/failure.hpp>
#include <fanout/http/client_options.hpp>

#include "http/body/outgoing_body.hpp"
#include "http/connect/dial.hpp"
#include "http/connect/transport.hpp"
#include "http/h1/response_parser.hpp"
#include "http/loop/loop_state.hpp"
#include "http/loop/request_timer.hpp"
#include "http/pool/connection.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

/// \file
/// One request and its response, as a machine that never waits.
namespace fanout::http {

/// What an exchange needs next.
enum class step {
  complete,     ///< the response is there
  header,       ///< of a streamed response: all but the body is there
  some,         ///< of a streamed response: more of the body is there, or its end
  want_read,    ///< call again once the socket is readable
  want_write,   ///< call again once the socket is writable
  want_either,  ///< call again once it is either
  want_body,    ///< call again once `pull_body` is done
  again,        ///< the idle connection it was given proved dead before a byte came back; it may be sent once more
};

/// What of the socket it waits for; 0 for nothing.
constexpr std::uint8_t waits_for(step next) noexcept {
  if (next == step::want_either) return readable | writable;
  return next == step::want_read ? readable : next == step::want_write ? writable : 0;
}

/// Sends one request and reads its response: all of the work of the hot path, apart from waiting. The coroutine
/// around it (client.cpp) calls `advance`, waits for what that asks for, and calls it again. So a whole exchange on an
/// open connection costs one coroutine frame, and this object, buffers included, is used again for the next one.
///
/// Failures are thrown as `fanout::error`. Thread safety: none; belongs to its loop's thread.
class exchange {
 public:
  using clock = std::chrono::steady_clock;

  explicit exchange(loop_state& loop) : loop_(loop), timer_(loop) {}
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;
  ~exchange() { end(); }

  /// Starts the clock for a request with its redirects.
  void begin(const client_options& options);
  /// Ends it: closes the connection if one is still held, and disarms the deadline.
  void end() noexcept;

  /// Prepares the next hop, to `what.url` on this way: checks and serialises it. `what` must outlive the hop.
  void prepare(const request& what, std::string_view user_agent, const route& via);
  /// Takes an idle connection if there is one.
  bool take_idle();
  /// Uses a connection that was opened, or handed over.
  void use(std::unique_ptr<connection> fresh);
  /// Sends and reads until it would have to wait.
  step advance();
  /// Gives the connection back to the pool, or closes it, after `advance` said complete or again.
  void release_connection();
  /// The response, with what the exchange cost so far.
  response take_response();
  /// Asks the caller's stream for more of the request's body.
  task<void> pull_body();

  /// \name For a response whose body is read bit by bit
  /// @{
  /// To be called after `begin`: `advance` says `header` when all but the body is there.
  void stream_body();
  response take_head();
  /// The request lies here from now on; it is no longer sent.
  void moved(const request& what) noexcept;
  /// As `advance`; `some`: there is more in `parser().body()`, or the response is complete.
  step advance_body();
  /// Nobody reads at the moment, so no deadline runs; and on again.
  void pause() noexcept;
  void go_on();
  response_parser& parser() noexcept { return *parser_; }
  /// At the end of the body: adds to `head` what is known now, and gives the connection back.
  void finish(response& head);
  /// Closes the connection of a response that failed; `parser` stays.
  void end_early() noexcept;
  /// @}

  /// To be called after each wait with what became of it. Throws when a deadline passed, the wait was cancelled, or
  /// another thread runs the loop now.
  void resumed(boost::system::error_code waited);

  /// What `open_connection` needs to know to open one for this hop.
  connect_context connecting() noexcept;

  /// "host:port", for messages.
  std::string peer() const;
  polled_socket& socket() noexcept { return connection_->socket; }
  const client_options& options() const noexcept { return *options_; }
  clock::time_point started() const noexcept { return timer_.limits().started(); }
  const measurements& measured() const noexcept { return measured_; }
  measurements& measured() noexcept { return measured_; }

 private:
  /// What of the request is on its way. `held_back`: the body, until the server answers `Expect`.
  enum class sending { head, held_back, body, done };

  void opened();
  pool_limits limits_of_pool() const noexcept;
  void write_head_again();
  bool next_part(step& next);
  bool refused_expectation();
  const char* why_not_again() const noexcept;
  bool write_some(step& next);
  step read_some();
  step at_end(io_state how);
  step broken(const io_result& result);
  bool may_send_again() const noexcept;

  loop_state& loop_;
  const client_options* options_ = nullptr;
  const request* request_ = nullptr;
  route via_;
  std::unique_ptr<connection> connection_;
  std::optional<response_parser> parser_;
  std::string head_;      ///< the request line and header, and a small body behind it
  std::string leftover_;  ///< bytes of a line that is not complete yet
  std::string_view user_agent_;
  outgoing_body body_;
  std::string_view unsent_;  ///< of the part under way
  sending sending_ = sending::head;
  bool expects_ = false;
  bool body_in_head_ = false;
  bool was_blocked_ = false;  ///< the peer took no more of the body for a while
  bool streaming_ = false;
  bool header_told_ = false;
  bool write_broken_ = false;  ///< the peer takes no more; it may have answered before it closed
  bool unasked_bytes_ = false;
  bool sent_before_ = false;  ///< this hop is on its second connection

  request_timer timer_;
  measurements measured_;
};

/// An exchange object, borrowed from its loop: they are used again, with the capacity their buffers have grown to.
class lease {
 public:
  /// Throws `std::logic_error` when another thread has exchanges under way on the loop.
  explicit lease(loop_state& loop);
  lease(lease&& other) noexcept : loop_(other.loop_), exchange_(std::move(other.exchange_)) {}
  lease& operator=(lease&&) = delete;
  ~lease();
  exchange& operator*() const noexcept { return *exchange_; }

 private:
  loop_state* loop_;
  std::unique_ptr<exchange> exchange_;
};

}  // namespace fanout::http
