#include "origin/connection.hpp"

#include "origin/h2_connection.hpp"
#include "origin/routes.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <fmt/format.h>

namespace fanout::origin {
namespace {

namespace http = boost::beast::http;

constexpr std::size_t most_output = 64 * 1024;          // composed before it is written
constexpr std::uint64_t most_quick_bytes = 64 * 1024;   // of a body that is composed with its head
constexpr std::uint32_t most_header_bytes = 64 * 1024;  // of a request

/// Whether an answer can be composed in memory and sent like any other bytes.
bool quick(const answer& reply) {
  return reply.delay.count() == 0 && reply.pace.count() == 0 && reply.generated <= most_quick_bytes &&
         !reply.cut_after && reply.then != ending::never;
}

}  // namespace

connection::connection(std::shared_ptr<server_state> server, socket_type socket)
    : server_(std::move(server)), transport_(std::move(socket), server_->tls.context.get()) {
  ++server_->counts.open;
  server_->connections.push_back(*this);
}

connection::~connection() {
  unlink();
  --server_->counts.open;
}

void connection::abort() {
  gone_ = true;
  transport_.close();
  if (timer_) timer_->cancel();
}

routine<> connection::serve(std::shared_ptr<connection> self) {
  if (self->transport_.secured()) {
    const bool agreed = co_await self->handshake();
    if (!agreed) co_return;
    self->speaks_h2_ = self->transport_.protocol() == "h2";
  }
  for (;;) {
    switch (self->advance()) {
      case step::wait_read: {
        const bool ready = co_await self->wait(progress::want_read);
        if (!ready) co_return;
        break;
      }
      case step::wait_write: {
        const bool ready = co_await self->wait(progress::want_write);
        if (!ready) co_return;
        break;
      }
      case step::perform: {
        answer reply = std::move(*self->pending_);
        self->pending_.reset();
        routine<> performing = self->perform(std::move(reply));
        co_await std::move(performing);
        break;
      }
      case step::speak_h2: {
        h2_connection session(*self->server_, self->transport_);
        routine<> serving = session.serve(std::move(self->leftover_));
        co_await std::move(serving);
        co_return;
      }
      case step::finish:
        if (self->ending_ == ending::close || self->ending_ == ending::close_silently) {
          self->transport_.finish();
          if (self->refused_) co_await self->linger();
        }
        co_return;
    }
  }
}

// Written before read: a client that does not take its responses is not served more of them.
connection::step connection::advance() {
  for (;;) {
    step blocked;
    if (!flush(blocked)) return blocked;
    if (speaks_h2_) return step::speak_h2;
    if (pending_) return step::perform;
    if (ending_) return step::finish;
    if (needs_input_) {
      if (!fill(blocked)) return blocked;
    } else {
      const std::string input = std::move(leftover_);
      leftover_.clear();
      consume(input);
    }
  }
}

/// Writes what is composed. False when it could not: `blocked` then says what is to be done first.
bool connection::flush(step& blocked) {
  std::string& composed = unsent_.empty() ? server_->output : unsent_;
  std::size_t sent = 0;
  while (sent < composed.size()) {
    const transfer written = transport_.write(std::string_view(composed).substr(sent));
    if (written.state == progress::done) {
      sent += written.bytes;
      continue;
    }
    if (written.state != progress::want_read && written.state != progress::want_write) {
      composed.clear();
      ending_ = ending::reset;  // the peer is gone
      blocked = step::finish;
      return false;
    }
    std::string rest = composed.substr(sent);
    composed.clear();
    unsent_ = std::move(rest);
    blocked = written.state == progress::want_read ? step::wait_read : step::wait_write;
    return false;
  }
  composed.clear();
  if (&composed == &unsent_) composed.shrink_to_fit();
  return true;
}

/// Reads once between two waits, and parses: reading until nothing is left would cost a system call more for each
/// request. False when it is time to wait.
bool connection::fill(step& blocked) {
  if (!may_read_ && !transport_.buffered()) {
    may_read_ = true;
    blocked = step::wait_read;
    return false;
  }
  const transfer received = transport_.read(server_->input);
  switch (received.state) {
    case progress::done:
      break;
    case progress::want_read:
      blocked = step::wait_read;
      return false;
    case progress::want_write:
      blocked = step::wait_write;
      return false;
    case progress::ended:
    case progress::failed:
      ending_ = received.state == progress::ended ? ending::close : ending::reset;
      return true;
  }
  may_read_ = false;
  const std::string_view bytes(server_->input.data(), received.bytes);
  if (leftover_.empty()) {
    consume(bytes);
  } else {
    std::string joined = std::move(leftover_);
    leftover_.clear();
    joined += bytes;
    consume(joined);
  }
  return true;
}

/// Parses requests and answers those that are quick. Keeps in `leftover_` what it did not come to.
void connection::consume(std::string_view input) {
  if (first_bytes_ && server_->settings.http_2 && !transport_.secured()) {
    const bool may_be_h2 = h2_preface.starts_with(input.substr(0, h2_preface.size()));
    speaks_h2_ = may_be_h2 && input.size() >= h2_preface.size();
    if (may_be_h2) {
      leftover_ = input;
      needs_input_ = !speaks_h2_;
      return;
    }
  }
  first_bytes_ = false;
  while (!input.empty() && !pending_ && !ending_ && server_->output.size() < most_output) {
    if (!parser_) {
      // Empty lines before a request are passed over (RFC 9112 section 2.2).
      if (input.starts_with("\r\n")) {
        input.remove_prefix(2);
        continue;
      }
      if (input == "\r") {
        leftover_ = input;
        needs_input_ = true;
        return;
      }
      begin_request();
    }
    boost::system::error_code failed;
    const std::size_t parsed = parser_->put(asio::const_buffer(input.data(), input.size()), failed);
    input.remove_prefix(parsed);
    if (failed == http::error::need_more) {
      continue_body();
      leftover_ = input;
      needs_input_ = true;
      return;
    }
    if (failed) return refuse(failed);
    if (parser_->is_done()) {
      finish_request();
    } else {
      continue_body();
    }
  }
  leftover_ = input;
  needs_input_ = leftover_.empty();
}

void connection::begin_request() {
  parser_ = std::make_unique<parser_type>();
  parser_->eager(true);
  parser_->header_limit(most_header_bytes);
  parser_->body_limit(server_->settings.max_body_bytes);
  continued_ = false;
}

/// Answers the request that has been read whole.
void connection::finish_request() {
  const auto& request = parser_->get();
  ++server_->counts.requests;
  exchange_ = {request.method() == http::verb::head, request.version() < 11, request.keep_alive()};
  answer reply = route(request);
  parser_.reset();
  reply.delay = fanout::detail::saturating_sum<std::chrono::milliseconds>(reply.delay, server_->settings.latency);
  if (!quick(reply)) {
    pending_ = std::make_unique<answer>(std::move(reply));
    return;
  }
  append_whole(server_->output, reply, exchange_);
  const ending after = effective_ending(reply, exchange_);
  if (after != ending::keep) ending_ = after;
}

/// Answers to what is no acceptable request, of which the rest may still be on its way.
void connection::refuse(const boost::system::error_code& failed) {
  answer reply;
  if (failed == http::error::body_limit)
    reply = error_answer(413, fmt::format("a request body has at most {} bytes", server_->settings.max_body_bytes));
  else if (failed == http::error::header_limit)
    reply = error_answer(431, fmt::format("the headers of a request have at most {} bytes", most_header_bytes));
  else
    reply = error_answer(400, fmt::format("this is not an HTTP request: {}", failed.message()));
  parser_.reset();
  refused_ = true;
  ending_ = ending::close;
  append_whole(server_->output, reply, {});
}

/// Sends 100 Continue to a client that waits for it (RFC 9110 section 10.1.1).
void connection::continue_body() {
  if (continued_ || !parser_->is_header_done() || parser_->is_done()) return;
  continued_ = true;
  const auto& request = parser_->get();
  if (request.version() >= 11 && boost::beast::iequals(request[http::field::expect], "100-continue"))
    server_->output += "HTTP/1.1 100 Continue\r\n\r\n";
}

routine<bool> connection::wait(progress until) {
  boost::system::error_code failed;
  const auto what = until == progress::want_read ? socket_type::wait_read : socket_type::wait_write;
  co_await transport_.socket().async_wait(what, asio::redirect_error(awaiting, failed));
  co_return !failed;
}

routine<bool> connection::handshake() {
  for (;;) {
    const progress state = transport_.handshake();
    if (state == progress::done) break;
    bool ready = false;
    if (state == progress::want_read || state == progress::want_write) ready = co_await wait(state);
    if (!ready) {
      ++server_->counts.failed_handshakes;
      co_return false;
    }
  }
  ++server_->counts.handshakes;
  if (transport_.resumed()) ++server_->counts.resumed;
  co_return true;
}

}  // namespace fanout::origin
