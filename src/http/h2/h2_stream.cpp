#include "http/h2/h2_stream.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/http/detail/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace fanout::http {
namespace {

// Decoded bytes of a streamed body that may lie untaken. Bytes without a coding lie there up to the stream's window.
constexpr std::size_t most_decoded_ahead = 64 * 1024;
// New credit is given for so many bytes at once.
constexpr std::size_t credit_step = h2_framing::stream_window / 4;
// The least window of a body that is taken at once, which holds nothing here. It saves updates.
constexpr std::int32_t taken_window = 1024 * 1024;

}  // namespace

void h2_stream::prepare(const request& what, const stream_settings& how) {
  request_ = &what;
  options_ = &how.options;
  holds_back_ = how.expect_continue;
  fields_.prepare(what, how.user_agent, options_->decode_content, {body_.any(), body_.length(), holds_back_});
}

void h2_stream::begin(session& on, bool streaming) {
  leave();
  streaming_ = streaming;
  header_told_ = wants_body_ = pulling_ = false;
  held_ = holds_back_;
  unsent_ = {};
  piece_.clear();
  untaken_ = 0;
  lost_.reset();
  failed_ = nullptr;
  if (body_.any()) body_.rewind();
  response_.emplace(*options_, request_->method == "HEAD", request_->keep_body || streaming_, answer_);
  if (streaming_) response_->keep_at_most(most_decoded_ahead);
  on_ = static_cast<h2_session*>(on.protocol.get());
  if (!on_->begin(fields_.fields(), body_.any(), *this))
    lost_ = loss{0, true, true, true, "it takes no more requests on this connection"};
}

void h2_stream::leave() noexcept {
  h2_session* const from = std::exchange(on_, nullptr);
  if (!from) return;
  // An answer that came before the whole request makes the rest of it needless (RFC 9113 section 8.1).
  from->drop(*this, response_ && response_->complete() ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
}

void h2_stream::end() noexcept {
  leave();
  piece_ = {};
  response_.reset();
  lost_.reset();
  failed_ = nullptr;
}

step h2_stream::advance() {
  if (failed_) std::rethrow_exception(std::exchange(failed_, nullptr));
  if (response_->complete()) return step::complete;
  // What came before it broke or was lost is read first.
  const bool head_first = streaming_ && !header_told_ && !response_->kept_whole();
  if (head_first && response_->header_done()) return step::header;
  if (response_->failed()) response_->raise(peer());
  if (lost_) return step::lost;
  if (std::exchange(pulling_, false)) on_->resume_body(*this);
  if (std::exchange(wants_body_, false)) {
    pulling_ = true;
    return step::want_body;
  }
  return step::want_read;
}

step h2_stream::advance_body() {
  if (!piece_.empty()) return step::some;
  if (!response_->failed()) response_->decode_more();
  std::swap(piece_, response_->body());
  if (untaken_ > 0 && on_) on_->consumed(*this, std::exchange(untaken_, 0));  // the reader has taken the last one
  if (!piece_.empty() || response_->complete()) return step::some;
  return advance();
}

response h2_stream::take_head() {
  header_told_ = true;
  return response_->take_head();
}

void h2_stream::finish(response& head) const {
  head.trailers = response_->trailers();
  head.body_bytes = response_->body_bytes();
  head.coded_bytes = response_->coded_bytes();
}

void h2_stream::send_body() {
  if (std::exchange(held_, false) && on_) on_->resume_body(*this);
}

bool h2_stream::on_field(std::string_view name, std::string_view value) {
  if (response_->field(name, value)) return true;
  wake();
  return false;
}

bool h2_stream::on_fields_end() {
  const bool fine = response_->end_fields();
  if (!fine || (streaming_ && response_->header_done())) wake();
  if (fine && held_ && response_->continued()) {
    send_body();
    wake();  // no longer waits for the server's 100
  }
  return fine;
}

void h2_stream::on_data(std::string_view bytes) {
  answer_.measured.bytes_received += bytes.size();
  limits_.received(bytes.size(), on_->now());
  untaken_ += bytes.size();
  if (!response_->data(bytes)) return wake();
  if (streaming_ && !response_->kept_whole()) return wake();
  if (untaken_ >= credit_step) on_->consumed(*this, std::exchange(untaken_, 0), taken_window);
}

void h2_stream::on_end() {
  response_->end();
  wake();
}

void h2_stream::on_lost(const h2_end& how) {
  if (response_->forgo_body()) return wake();
  lost_ = loss{how.code, how.unprocessed, how.by_peer, how.others_done, std::string(how.why)};
  if (how.code == NGHTTP2_HTTP_1_1_REQUIRED && how.by_peer) {
    on_->refuse_multiplexing();
    lost_->unprocessed = !response_->got_some();
  } else if (how.code == NGHTTP2_ENHANCE_YOUR_CALM && how.by_peer) {
    on_->calm_down();
  }
  wake();
}

// The request's body may throw, as a file that became shorter does; nghttp2 knows no exceptions.
std::ptrdiff_t h2_stream::on_room(std::span<char> into, bool& last) {
  if (held_) return 0;
  try {
    const std::size_t count = fill(into, last);
    if (count > 0) limits_.sent(count, on_->now());
    return static_cast<std::ptrdiff_t>(count);
  } catch (...) {
    failed_ = std::current_exception();
    wake();
    return -1;
  }
}

std::size_t h2_stream::fill(std::span<char> into, bool& last) {
  std::size_t count = 0;
  for (;;) {
    const std::size_t part = std::min(unsent_.size(), into.size() - count);
    if (part > 0) std::memcpy(into.data() + count, unsent_.data(), part);
    count += part;
    unsent_.remove_prefix(part);
    if (!unsent_.empty()) return count;
    switch (body_.take(unsent_)) {
      case outgoing_body::next::bytes:
        break;
      case outgoing_body::next::pull:
        if (count > 0) return count;
        wants_body_ = true;
        wake();
        return 0;
      case outgoing_body::next::end:
        last = true;
        return count;
    }
  }
}

void h2_stream::on_moved(std::size_t sent, std::size_t received) {
  answer_.measured.bytes_sent += sent;
  if (received == 0) return;
  answer_.measured.bytes_received += received;
  limits_.received(received, on_->now());
}

void h2_stream::raise_lost(std::string_view remark) const {
  const std::string from = peer(), far = how_far();
  std::string text;
  if (!lost_->by_peer && !lost_->why.empty())
    text = fmt::format("{} sent a malformed HTTP/2 response: {}", from, lost_->why);
  else if (lost_->code == NGHTTP2_ENHANCE_YOUR_CALM)
    text = fmt::format("{} asked for fewer requests (ENHANCE_YOUR_CALM) {}", from, far);
  else if (lost_->code == NGHTTP2_HTTP_1_1_REQUIRED)
    text = fmt::format("{} wants HTTP/1.1 (HTTP_1_1_REQUIRED) {}", from, far);
  else if (lost_->code != NGHTTP2_NO_ERROR)
    text = fmt::format("{} reset the stream with {} {}{}{}", from, h2_error_name(lost_->code), far,
                       lost_->why.empty() ? "" : ": ", lost_->why);
  else if (lost_->why.empty())
    text = fmt::format("{} closed the connection {}", from, far);
  else
    text = fmt::format("the connection to {} broke {}: {}", from, far, lost_->why);
  throw error(failure_kind::protocol, text.append(remark));
}

}  // namespace fanout::http
