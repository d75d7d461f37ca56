#pragma once

#include <fanout/base/task.hpp>
#include <fanout/http/client_options.hpp>
#include <fanout/http/request.hpp>
#include <fanout/http/response.hpp>

#include "http/any_stream.hpp"
#include "http/body/outgoing_body.hpp"
#include "http/connect/dial.hpp"
#include "http/connect/transport.hpp"
#include "http/loop/loop_state.hpp"
#include "http/loop/request_timer.hpp"
#include "http/pool/session_pool.hpp"
#include "http/pool/stream.hpp"
#include "http/redirect.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

/// \file
/// What HTTP asks of one request and its response, in any version.
namespace fanout::http {

/// One request with its redirects: the way each hop takes, the session it is granted a stream of, deadlines, the retry
/// on another session, the question whether the server wants the body, the measurements. The stream sends and reads;
/// `exchange` decides.
///
/// It never waits. The coroutine around it (client.cpp) calls `advance`, awaits what that asks for, and calls it again.
/// So a whole exchange on an open session costs one coroutine frame, and this object, buffers included, is used again
/// for the next one.
///
/// Failures are thrown as `fanout::error`. Thread safety: none; belongs to its loop's thread.
class exchange {
 public:
  using clock = request_timer::clock;

  explicit exchange(loop_state& loop) : loop_(loop), timer_(loop), stream_(loop, body_, timer_.limits(), answer_) {}
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;
  ~exchange() { end(); }

  /// Starts the clock for a request with its redirects.
  void begin(const client_options& options);
  /// An empty request that lies here and has the memory of the one before, for who does not bring his own.
  request& blank_request();
  /// The hops of the request under way, which lie here so that the coroutine's frame stays small.
  redirect_chain& hops(const client_options& options, digest_login* login, request& what) {
    return hops_.emplace(options, login, what);
  }
  /// Ends it: gives the stream up if one is still held, and disarms the deadline. HTTP/1.1 has no way to end a stream
  /// before its response is complete but to close the connection; HTTP/2 resets the stream.
  void end() noexcept;

  /// Prepares the next hop, to `what.url` on this way: checks and serialises it. `what` must outlive the hop.
  void prepare(const request& what, std::string_view user_agent, const route& via);
  /// Takes a stream of an open session if there is one.
  bool take_open();
  /// What `open_connection` needs to know to open one for this hop.
  connect_context connecting() noexcept;
  /// Uses the stream that it was granted.
  void use(stream_grant granted);
  /// Sends and reads until it would have to wait.
  step advance() {
    if (expects_) return advance_asking();
    const step next = stream_.advance();
    if (next == step::lost) return lost();
    return next == step::complete ? completed() : next;
  }
  /// What to await when `advance` wants to wait for the stream; `resumed` is to be called with what became of it.
  auto wait(step next) { return stream_.wait(next); }
  /// Throws when a deadline passed, the wait was cancelled, or another thread runs the loop now.
  void resumed(boost::system::error_code waited) {
    if (const expiry passed = timer_.resumed(waited); passed != expiry::none) raise_expired(passed);
  }
  /// Asks the caller's stream for more of the request's body.
  task<void> pull_body();
  /// Gives the stream back to the pool, after `advance` said complete or again.
  void release();
  /// The response, with what the exchange cost so far. It lies here until the next hop, or the end.
  response& take_response();
  void end_hops() noexcept { hops_.reset(); }
  /// The exchange has failed: the request's observer gets what came of a response.
  void tell_cut();

  /// \name For a response whose body is read bit by bit
  /// @{
  /// To be called after `begin`: `advance` says `header` when all but the body is there.
  void stream_body() noexcept { streaming_ = true; }
  response& take_head();
  /// It is a redirect whose body is kept: all of it is there, for `take_response`.
  bool kept_whole() const noexcept { return stream_.kept_whole(); }
  /// The request lies here from now on; it is no longer sent.
  void moved(const request& what) noexcept;
  /// As `advance`; `some`: there is more in `body()`, or the response is complete.
  step advance_body();
  /// Bytes of the body that lie there untaken.
  std::string& body() noexcept { return stream_.body(); }
  /// The response is complete and its body decoded to the end.
  bool exhausted() const noexcept { return stream_.exhausted(); }
  /// Nobody reads at the moment, so no deadline runs; and on again.
  void pause() noexcept { timer_.pause(); }
  void go_on() { timer_.go_on(); }
  /// At the end of the body: adds to `head` what is known now, and gives the stream back.
  void finish(response& head);
  /// Gives up the stream of a response that failed.
  void end_early() noexcept;
  /// @}

  clock::time_point started() const noexcept { return timer_.limits().started(); }
  measurements& measured() noexcept { return answer_.measured; }
  const measurements& measured() const noexcept { return answer_.measured; }

 private:
  void prepare_stream();
  void opened();
  void tell_observer() const;
  step advance_asking();
  step lost();
  step completed();
  void give_up_stream() noexcept;
  [[noreturn]] void raise_expired(expiry which) const;
  reuse how_to_reuse() const noexcept;
  bool was_stale() const noexcept;
  bool may_send_again() const noexcept;
  const char* why_not_again() const noexcept;
  pool_limits limits_of_pool() const noexcept;

  loop_state& loop_;
  const client_options* options_ = nullptr;
  const request* request_ = nullptr;
  route via_;
  std::string_view user_agent_;
  outgoing_body body_;
  request_timer timer_;
  response answer_;  ///< of the hop under way; its measurements are those of all
  stream_grant granted_;
  any_stream stream_;
  std::optional<redirect_chain> hops_;
  std::optional<response> head_;  ///< of a response whose body is read bit by bit
  std::optional<request> own_request_;
  bool streaming_ = false;
  bool expects_ = false;      ///< the server is asked before the body is sent
  bool asked_ = false;        ///< on this session, and how long its answer is waited for
  bool sent_before_ = false;  ///< this hop is on its second session
  int refusals_ = 0;          ///< of this hop, by servers that had not acted on it
};

/// An exchange object, borrowed from its loop: they are used again, with the capacity their buffers have grown to.
class exchange_lease {
 public:
  /// Throws `std::logic_error` when another thread has exchanges under way on the loop.
  explicit exchange_lease(loop_state& loop);
  exchange_lease(exchange_lease&& other) noexcept : loop_(other.loop_), exchange_(std::move(other.exchange_)) {}
  exchange_lease& operator=(exchange_lease&&) = delete;
  ~exchange_lease();
  exchange& operator*() const noexcept { return *exchange_; }

 private:
  loop_state* loop_;
  std::unique_ptr<exchange> exchange_;
};

}  // namespace fanout::http
