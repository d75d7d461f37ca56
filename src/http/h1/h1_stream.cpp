#include "http/h1/h1_stream.hpp"

#include <fanout/base/failure.hpp>

#include "http/h1/request_head.hpp"

#include <boost/system/error_code.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace fanout::http {
namespace {

using clock = std::chrono::steady_clock;

// A body up to this size travels behind the header, in the same packet.
constexpr std::size_t small_body = 16 * 1024;
// Decoded bytes of a streamed body that may lie untaken; the buffer they are read into bounds the others.
constexpr std::size_t most_untaken = 64 * 1024;
// What is read at once: of a response, and of the body of a streamed one, where fewer and larger pieces are cheaper.
constexpr std::size_t usual_read = 16 * 1024;
constexpr std::size_t streamed_read = 128 * 1024;
// How often one stream reads without waiting before others have their turn: a fast body must not keep the loop.
constexpr int most_reads = 16;
// The same for pieces of a body that a fast server takes.
constexpr int most_pieces = 16;

}  // namespace

static_assert(http_stream<h1_stream>);

void h1_stream::prepare(const request& what, const settings& how) {
  request_ = &what;
  options_ = &how.options;
  holds_back_ = how.expect_continue;
  head_.clear();
  write_head(head_, what, how.user_agent, options_->decode_content, {body_.any(), body_.length(), holds_back_});
  if (how.read_by) rewrite_for_proxy(head_, what, *how.read_by);
  body_in_head_ = body_.in_memory() && what.body.size() <= small_body && !holds_back_;
  if (body_in_head_) head_.append(what.body);
}

void h1_stream::begin(connection& on, bool streaming) {
  on_ = &on;
  streaming_ = streaming;
  unsent_ = head_;
  sending_ = sending::head;
  if (body_.any()) body_.rewind();
  leftover_.clear();
  write_broken_ = unsolicited_bytes_ = was_blocked_ = header_told_ = last_chunk_sent_ = false;
  parser_.emplace(*options_, request_->method == "HEAD", request_->keep_body || streaming_, answer_);
  if (streaming_) parser_->keep_at_most(most_untaken);
}

void h1_stream::end() noexcept {
  on_ = nullptr;
  parser_.reset();
}

step h1_stream::advance() {
  step next{};
  if (sending_ != sending::done && !write_broken_ && !write_some(next)) return next;
  if (streaming_ && !header_told_ && parser_->header_done()) return step::header;
  return read_some();
}

// False when `next` is what the stream needs before it can go on.
bool h1_stream::write_some(step& next) {
  // While a body is on its way the server may answer already, to refuse it: then the rest need not be sent.
  if (std::exchange(was_blocked_, false) && parser_->body().size() < most_untaken) {
    next = read_some();
    const bool ends = next == step::complete || next == step::again || parser_->status() >= 400;
    if (ends && next != step::want_read && next != step::want_write) return false;
  }
  int pieces = 0;
  do {
    while (!unsent_.empty()) {
      const io_result result = on_->write_some(unsent_);
      if (result.state == io_state::done) {
        unsent_.remove_prefix(result.bytes);
        answer_.measured.bytes_sent += result.bytes;
        if (!unsent_.empty() || sending_ == sending::body) limits_.sent(result.bytes, clock::now());
      } else if (result.state == io_state::want_read || result.state == io_state::want_write) {
        next = result.state == io_state::want_read ? step::want_read : step::want_write;
        was_blocked_ = sending_ == sending::body;
        if (was_blocked_) next = step::want_either;
        return false;
      } else {
        // A server may refuse a body by answering and closing: what it said is still there to be read.
        write_broken_ = true;
        return true;
      }
    }
    if (!next_part(next)) return false;
    if (++pieces > most_pieces && sending_ == sending::body) {
      on_->socket.leave_unsent();
      was_blocked_ = true;
      next = step::want_write;
      return false;
    }
  } while (sending_ != sending::done);
  limits_.all_sent();
  // The first read after a write finds nothing yet.
  next = step::want_read;
  return false;
}

// Goes on to the next part of the request. False when `next` comes first.
bool h1_stream::next_part(step& next) {
  if (sending_ == sending::head) {
    sending_ = !body_.any() || body_in_head_ ? sending::done : holds_back_ ? sending::held_back : sending::body;
    if (sending_ == sending::held_back) {
      next = step::want_read;
      return false;
    }
  }
  if (sending_ == sending::held_back) {
    next = read_some();
    if (next != step::want_read || !parser_->continued()) return false;
    sending_ = sending::body;
  }
  return sending_ != sending::body || next_piece(next);
}

// More of the body; in chunks (RFC 9112 section 7.1) unless its length is known.
bool h1_stream::next_piece(step& next) {
  const bool chunked = !body_.length();
  switch (body_.take(unsent_)) {
    case outgoing_body::next::bytes:
      if (chunked) {
        std::string& piece = body_.piece();
        unsent_ = piece.insert(0, fmt::format("{:x}\r\n", piece.size())).append("\r\n");
      }
      return true;
    case outgoing_body::next::end:
      if (chunked && !std::exchange(last_chunk_sent_, true))
        unsent_ = "0\r\n\r\n";
      else
        sending_ = sending::done;
      return true;
    case outgoing_body::next::pull:
      next = step::want_body;
      break;
  }
  return false;
}

void h1_stream::send_body() noexcept {
  if (sending_ == sending::held_back) sending_ = sending::body;
}

step h1_stream::read_some() {
  for (int reads = 0; reads < most_reads; ++reads) {
    const std::span<char> buffer = loop_.scratch(leftover_.size() + (header_told_ ? streamed_read : usual_read));
    std::copy(leftover_.begin(), leftover_.end(), buffer.begin());
    const auto room = buffer.subspan(leftover_.size());
    const io_result result = on_->read_some(room);
    if (result.state == io_state::want_read) return step::want_read;
    if (result.state == io_state::want_write) return step::want_write;
    if (result.state == io_state::failed) {
      if (parser_->forgo_body()) return step::complete;
      lost_ = result;
      return step::lost;
    }
    if (result.state != io_state::done) return at_end(result.state);
    limits_.received(result.bytes, clock::now());
    answer_.measured.bytes_received += result.bytes;

    const std::string_view bytes(buffer.data(), leftover_.size() + result.bytes);
    const auto made = parser_->put(bytes);
    if (made.failed) return at_fault();
    if (parser_->complete()) {
      unsolicited_bytes_ = made.used < bytes.size();
      return step::complete;
    }
    leftover_.assign(bytes.substr(made.used));
    if (streaming_ && parser_->header_done() && !parser_->kept_whole()) return header_told_ ? step::some : step::header;
    if (leftover_.size() > options_->max_header_bytes)  // a chunk's extension may be one endless line
      throw error(failure_kind::too_large,
                  fmt::format("{} sent a line of more than {} bytes", peer(), options_->max_header_bytes));
    // A read that did not fill its buffer emptied the socket; TLS may hold more than it gave.
    if (!on_->tls && result.bytes < room.size()) return step::want_read;
  }
  on_->socket.leave_unread();
  return step::want_read;
}

step h1_stream::at_end(io_state how) {
  if (parser_->ends_with_connection() && how == io_state::truncated)
    throw error(failure_kind::protocol,
                fmt::format("{} closed the connection without closing TLS {}; the body may be cut short", peer(),
                            parser_->how_far()));
  if (parser_->put_end()) return step::complete;
  if (parser_->failed()) return at_fault();
  lost_ = {how};
  return step::lost;
}

void h1_stream::raise_lost(std::string_view remark) const {
  if (lost_.state != io_state::failed)
    throw error(failure_kind::protocol,
                fmt::format("{} closed the connection {}{}", peer(), parser_->how_far(), remark));
  if (lost_.error == 0)
    throw error(failure_kind::tls,
                fmt::format("TLS with {} broke down {}: {}", peer(), parser_->how_far(), on_->tls->failure()));
  throw error(failure_kind::protocol, fmt::format("the connection to {} broke {}: {}{}", peer(), parser_->how_far(),
                                                  boost::system::system_category().message(lost_.error), remark));
}

bool h1_stream::session_usable() const noexcept {
  const bool whole_request_sent = sending_ == sending::done && !write_broken_;
  return parser_->complete() && whole_request_sent && !unsolicited_bytes_ && parser_->keep_alive();
}

response h1_stream::take_head() {
  header_told_ = true;
  // The server answered before it had all of the request: it does not want the rest.
  if (sending_ != sending::done) write_broken_ = true;
  return parser_->take_head();
}

// What came before the fault is read first, whether it came in the same packet or long before.
step h1_stream::at_fault() {
  if (streaming_ && parser_->header_done()) {
    if (!header_told_) return step::header;
    if (!parser_->body().empty()) return step::some;
  }
  parser_->raise(peer());
}

step h1_stream::advance_body() {
  if (!parser_->failed()) parser_->decode_more();
  if (!parser_->body().empty() || parser_->complete()) return step::some;
  return parser_->failed() ? at_fault() : advance();
}

void h1_stream::finish(response& head) const {
  head.trailers = parser_->trailers();
  head.body_bytes = parser_->body_bytes();
  head.coded_bytes = parser_->coded_bytes();
}

}  // namespace fanout::http
