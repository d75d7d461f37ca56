#pragma once

#include "http/h1/h1_stream.hpp"
#include "http/h2/h2_stream.hpp"
#include "http/pool/session_pool.hpp"
#include "http/pool/stream.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

/// \file
/// A stream of whichever version of HTTP its session speaks.
namespace fanout::http {

/// An `h1_stream` or an `h2_stream`, as `begin` finds the session. The second is made when it is needed first, and
/// kept.
///
/// Thread safety: none; belongs to its loop's thread.
class any_stream {
 public:
  any_stream(loop_state& loop, outgoing_body& body, time_limits& limits, response& answer)
      : loop_(loop), body_(body), limits_(limits), answer_(answer), h1_(loop, body, limits, answer) {}
  any_stream(const any_stream&) = delete;
  any_stream& operator=(const any_stream&) = delete;

  /// Checks and serialises the header, for the version that is likely: `likely_h2`. `begin` does it again if it turns
  /// out to be the other one.
  void prepare(const request& what, const stream_settings& how, bool likely_h2);
  void begin(session& on, bool streaming);
  /// Request line and header as HTTP/1.1 has them; valid after `begin` of a session that is not multiplexed.
  std::string_view h1_head() const noexcept { return h1_.head(); }
  /// Whether the session goes on without this stream, however far it has come.
  bool multiplexed() const noexcept { return over_h2_; }
  void leave() noexcept {
    if (over_h2_) return h2_->leave();
    h1_.leave();
  }
  void end() noexcept {
    h1_.end();
    if (h2_) h2_->end();
    over_h2_ = false;
  }

  step advance() { return over_h2_ ? h2_->advance() : h1_.advance(); }
  step advance_body() { return over_h2_ ? h2_->advance_body() : h1_.advance_body(); }
  auto wait(step next) {
    return asio::async_initiate<const decltype(no_throw)&, void(boost::system::error_code)>(
        [](auto handler, any_stream* self, step what) {
          if (self->over_h2_)
            self->h2_->begin_wait(std::move(handler));
          else
            self->h1_.begin_wait(std::move(handler), what);
        },
        no_throw, this, next);
  }
  void cancel() noexcept {
    if (over_h2_) return h2_->cancel();
    h1_.cancel();
  }

  void moved(const request& what) noexcept {
    h1_.moved(what);
    if (over_h2_) h2_->moved(what);
  }
  bool holds_body() const noexcept { return over_h2_ ? h2_->holds_body() : h1_.holds_body(); }
  void send_body() {
    if (over_h2_) return h2_->send_body();
    h1_.send_body();
  }
  bool answered() const noexcept { return over_h2_ ? h2_->answered() : h1_.answered(); }
  bool complete() const noexcept { return over_h2_ ? h2_->complete() : h1_.complete(); }
  /// The header of the final response is there, whatever became of the rest.
  bool has_head() const noexcept { return over_h2_ ? h2_->has_head() : h1_.has_head(); }
  int status() const noexcept { return over_h2_ ? h2_->status() : h1_.status(); }
  /// A session that multiplexes is of use to others whatever became of this stream; the pool knows when it is not.
  bool session_usable() const noexcept { return over_h2_ || h1_.session_usable(); }
  /// The request was not acted on and may be sent again, whatever it is.
  bool unprocessed() const noexcept { return over_h2_ && h2_->unprocessed(); }
  /// The same, and the connection had answered others before it went away.
  bool others_done() const noexcept { return over_h2_ && h2_->others_done(); }
  std::string how_far() const { return over_h2_ ? h2_->how_far() : h1_.how_far(); }
  [[noreturn]] void raise_lost(std::string_view remark) const {
    if (over_h2_) h2_->raise_lost(remark);
    h1_.raise_lost(remark);
  }

  void conclude() noexcept {
    if (over_h2_) return h2_->conclude();
    h1_.conclude();
  }
  response take_head() { return over_h2_ ? h2_->take_head() : h1_.take_head(); }
  bool kept_whole() const noexcept { return over_h2_ ? h2_->kept_whole() : h1_.kept_whole(); }
  std::string& body() noexcept { return over_h2_ ? h2_->body() : h1_.body(); }
  bool exhausted() const noexcept { return over_h2_ ? h2_->exhausted() : h1_.exhausted(); }
  void finish(response& head) const {
    if (over_h2_) return h2_->finish(head);
    h1_.finish(head);
  }

 private:
  static constexpr auto no_throw = asio::as_tuple(asio::deferred);
  h2_stream& h2();

  loop_state& loop_;
  outgoing_body& body_;
  time_limits& limits_;
  response& answer_;
  h1_stream h1_;
  std::unique_ptr<h2_stream> h2_;
  const request* request_ = nullptr;
  const client_options* options_ = nullptr;
  std::string_view user_agent_;
  const proxy_server* read_by_ = nullptr;
  bool expect_continue_ = false;
  bool prepared_h2_ = false;
  bool over_h2_ = false;
};

}  // namespace fanout::http
