#pragma once

#include <fanout/base/deadline.hpp>
#include <fanout/base/failure.hpp>

#include "http/client_core.hpp"
#include "http/connection.hpp"
#include "http/response_parser.hpp"
#include "http/time_limits.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

/// \file
/// One request and its response, as a machine that never waits.
namespace fanout::http {

class loop_state;
class lookup;

/// What an exchange needs next.
enum class step {
  complete,    ///< the response is there
  want_read,   ///< call again once the socket is readable
  want_write,  ///< call again once the socket is writable
  again,       ///< the idle connection it was given proved dead before a byte came back; it may be sent once more
};

/// Sends one request and reads its response: all of the work of the hot path, apart from waiting. The coroutine
/// around it (send.cpp) calls `advance`, waits for what that asks for, and calls it again. So a whole exchange on an
/// open connection costs one coroutine frame, and this object, buffers included, is used again for the next one.
///
/// Failures are thrown as `fanout::error`. Thread safety: none; belongs to its loop's thread.
class exchange final : public deadline_entry {
 public:
  using clock = std::chrono::steady_clock;

  explicit exchange(loop_state& loop) : loop_(loop) {}
  ~exchange() override;

  /// Starts the clock for a request with its redirects.
  void begin(const client_options& options);
  /// Ends it: closes the connection if one is still held, and disarms the deadline.
  void end() noexcept;

  /// Prepares the next hop, to `what.url`: checks and serialises it. `what` must outlive the hop.
  void prepare(const request& what, std::string_view user_agent);
  /// Takes an idle connection if there is one.
  bool take_idle(const void* tls);
  /// Uses a connection that was just opened.
  void use(std::unique_ptr<connection> fresh, const void* tls);
  /// Sends and reads until it would have to wait.
  step advance();
  /// Gives the connection back to the pool, or closes it, after `advance` said complete or again.
  void release_connection();
  /// The response, with what the exchange cost so far.
  response take_response();

  /// To be called after each wait with what became of it. Throws when a deadline passed, the wait was cancelled, or
  /// another thread runs the loop now.
  void resumed(boost::system::error_code waited);

  /// While a connection is being opened: the deadlines of `what` rule, and end the wait on the other two, which may be
  /// null.
  void opening(phase what, tcp_socket* socket, lookup* names);
  void opened();

  /// "host:port", for messages.
  std::string peer() const;
  tcp_socket& socket() noexcept { return connection_->socket; }
  const client_options& options() const noexcept { return *options_; }
  loop_state& loop() noexcept { return loop_; }
  clock::time_point started() const noexcept { return limits_.started(); }
  const measurements& measured() const noexcept { return measured_; }
  measurements& measured() noexcept { return measured_; }

 private:
  void on_deadline() override;
  void arm();
  [[noreturn]] void raise_expired() const;
  bool write_some(step& next);
  step read_some();
  step at_end(io_state how);
  step broken(const io_result& result);
  bool may_send_again() const noexcept;

  loop_state& loop_;
  const client_options* options_ = nullptr;
  const request* request_ = nullptr;
  std::unique_ptr<connection> connection_;
  std::optional<response_parser> parser_;
  std::string head_;      ///< the request line and header, and a small body behind it
  std::string leftover_;  ///< bytes of a line that is not complete yet
  std::size_t sent_ = 0;  ///< of head_, then of the body
  bool body_in_head_ = false;
  bool waiting_for_response_ = false;  ///< all is sent and one wait was asked for
  bool write_broken_ = false;          ///< the peer takes no more; it may have answered before it closed
  bool unasked_bytes_ = false;
  bool sent_before_ = false;  ///< this hop is on its second connection

  tcp_socket* opening_socket_ = nullptr;
  lookup* opening_names_ = nullptr;
  time_limits limits_;
  expiry expired_ = expiry::none;
  measurements measured_;
};

}  // namespace fanout::http
