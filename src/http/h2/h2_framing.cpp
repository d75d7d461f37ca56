#include "http/h2/h2_framing.hpp"

#include <fanout/http/detail/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace fanout::http {
namespace {

using clock = std::chrono::steady_clock;

// Frames in a row that lead nowhere: PING, SETTINGS, empty DATA, what is for no stream. Proxies send some.
constexpr std::size_t most_useless = 10'000;
// The same for bytes, whatever the frames are. What is under way to streams that were given up counts, too.
constexpr std::size_t most_useless_bytes = h2_framing::connection_window;
constexpr const char* flood = "a flood of frames that lead nowhere";
// Frames that the peer makes us send, before it has read those before.
constexpr std::size_t most_answers = 1'000;

std::string_view view(const std::uint8_t* bytes, std::size_t size) noexcept {
  return {reinterpret_cast<const char*>(bytes), size};
}

constexpr std::size_t frame_header = 9;
// What a PING carries that measures the delay (`h2_window`).
constexpr std::uint8_t delay_mark[8] = {'d', 'e', 'l', 'a', 'y', ' ', ' ', '?'};

bool is_of_delay(const nghttp2_ping& ping) noexcept {
  return std::memcmp(ping.opaque_data, delay_mark, sizeof(delay_mark)) == 0;
}

}  // namespace

const char* h2_error_name(std::uint32_t code) noexcept {
  return nghttp2_http2_strerror(code);
}

/// What nghttp2 calls. None of it throws: what it calls in turn reports by value.
struct h2_framing::callbacks {
  static h2_framing& self(void* data) noexcept { return *static_cast<h2_framing*>(data); }

  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* header, void* data) {
    h2_framing& framing = self(data);
    h2_events* const events = header->stream_id != 0 ? framing.find(header->stream_id) : nullptr;
    const bool carries = header->type == NGHTTP2_DATA || header->type == NGHTTP2_HEADERS;
    if (carries && events) events->on_moved(0, frame_header + (header->type == NGHTTP2_HEADERS ? header->length : 0));
    if (carries && header->length > 0 && events) {
      framing.useless_ = framing.useless_bytes_ = 0;
      return 0;
    }
    const bool may_be_late = header->type == NGHTTP2_DATA && header->length > 0;
    if (may_be_late || header->type == NGHTTP2_CONTINUATION) return 0;
    return framing.count_useless() ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    if (h2_events* const events = self(data).find(frame->hd.stream_id)) events->on_fields();
    return 0;
  }

  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                    const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* data) {
    h2_events* const events = self(data).find(frame->hd.stream_id);
    if (!events) return 0;
    return events->on_field(view(name, name_size), view(value, value_size)) ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  // Regular fields with forbidden bytes would be left out silently.
  static int invalid_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t*, std::size_t,
                            const std::uint8_t*, std::size_t, std::uint8_t, void* data) {
    if (h2_events* const events = self(data).find(frame->hd.stream_id))
      events->invalid_ = "a header field with a byte that is forbidden there (RFC 9113 section 8.2.1)";
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int frame_received(nghttp2_session* session, const nghttp2_frame* frame, void* data) {
    h2_framing& framing = self(data);
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
      case NGHTTP2_DATA: {
        h2_events* const events = framing.find(frame->hd.stream_id);
        if (!events) break;
        if (frame->hd.type == NGHTTP2_HEADERS && !events->on_fields_end()) break;
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
          events->end_called_ = framing.answered_any_ = true;
          events->on_end();
        }
        break;
      }
      case NGHTTP2_RST_STREAM:
        if (h2_events* const events = framing.find(frame->hd.stream_id)) events->reset_by_peer_ = true;
        break;
      case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) break;
        framing.greeted_ = true;
        framing.listener_.on_most_streams(
            nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS));
        break;
      case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) break;
        if (is_of_delay(frame->ping))
          framing.window_.answered(clock::now());
        else
          framing.listener_.on_pong();
        break;
      case NGHTTP2_GOAWAY:
        framing.going_away_ = true;
        framing.goaway_code_ = frame->goaway.error_code;
        if (frame->goaway.error_code != NGHTTP2_NO_ERROR)
          framing.why_ = fmt::format("GOAWAY with {}", h2_error_name(frame->goaway.error_code));
        break;
      default:
        break;
    }
    return 0;
  }

  static int invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int error, void* data) {
    h2_framing& framing = self(data);
    h2_events* const events = frame->hd.stream_id != 0 ? framing.find(frame->hd.stream_id) : nullptr;
    if (!events)
      framing.why_ = nghttp2_strerror(error);
    else if (!events->invalid_)
      events->invalid_ = nghttp2_strerror(error);
    return 0;
  }

  static int data_chunk(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* bytes,
                        std::size_t size, void* data) {
    h2_framing& framing = self(data);
    framing.unconsumed_ += size;  // of the connection, whoever the stream belongs to
    h2_events* const events = framing.find(stream);
    if (events && !events->end_called_) events->on_data(view(bytes, size));
    return 0;
  }

  static int frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    h2_framing& framing = self(data);
    if (frame->hd.type == NGHTTP2_PING && is_of_delay(frame->ping)) framing.window_.asked(clock::now());
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    framing.useless_ = framing.useless_bytes_ = 0;
    h2_events* const events = framing.find(frame->hd.stream_id);
    if (!events) return 0;
    events->on_moved(frame_header + frame->hd.length, 0);
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) events->on_sent();
    return 0;
  }

  // A request whose turn never came has no stream yet that could be closed.
  static int frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* data) {
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    h2_framing& framing = self(data);
    for (h2_events& each : framing.open_)
      if (each.id_ == frame->hd.stream_id) {
        framing.forget(each);
        each.on_lost({framing.goaway_code_, true, true, framing.answered_any_, framing.why_});
        break;
      }
    return 0;
  }

  static int stream_closed(nghttp2_session*, std::int32_t stream, std::uint32_t code, void* data) {
    h2_framing& framing = self(data);
    h2_events* const events = framing.find(stream);
    if (!events) return 0;
    const bool whole = events->end_called_;
    const bool refused = code == NGHTTP2_REFUSED_STREAM;
    h2_end how{code, refused, refused || events->reset_by_peer_, framing.going_away_ && framing.answered_any_, {}};
    if (refused && framing.goaway_code_ != 0) how.code = framing.goaway_code_;  // GOAWAY closes streams so, too
    if (events->invalid_)
      how.why = events->invalid_;
    else if (!how.by_peer && code == NGHTTP2_PROTOCOL_ERROR)
      how.why = "DATA of another length than Content-Length (RFC 9113 section 8.1.1)";
    framing.forget(*events);
    if (!whole) events->on_lost(how);
    return 0;
  }

  static ssize_t body(nghttp2_session*, std::int32_t stream, std::uint8_t* into, std::size_t size, std::uint32_t* flags,
                      nghttp2_data_source*, void* data) {
    h2_events* const events = self(data).find(stream);
    if (!events) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    bool last = false;
    const std::ptrdiff_t count = events->on_room({reinterpret_cast<char*>(into), size}, last);
    if (count < 0) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (last) *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (count == 0 && !last) return NGHTTP2_ERR_DEFERRED;
    return count;
  }

  static int said(nghttp2_session*, int, const char* text, std::size_t size, void* data) {
    h2_framing& framing = self(data);
    if (framing.why_.empty()) framing.why_ = printable(std::string_view(text, size));
    return 0;
  }

  static const nghttp2_session_callbacks* all() {
    static const nghttp2_session_callbacks* const made = [] {
      nghttp2_session_callbacks* filled = nullptr;
      if (nghttp2_session_callbacks_new(&filled) != 0) throw std::bad_alloc();
      nghttp2_session_callbacks_set_on_begin_frame_callback(filled, begin_frame);
      nghttp2_session_callbacks_set_on_begin_headers_callback(filled, begin_headers);
      nghttp2_session_callbacks_set_on_header_callback(filled, header);
      nghttp2_session_callbacks_set_on_invalid_header_callback(filled, invalid_header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(filled, frame_received);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(filled, invalid_frame);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(filled, data_chunk);
      nghttp2_session_callbacks_set_on_frame_send_callback(filled, frame_sent);
      nghttp2_session_callbacks_set_on_frame_not_send_callback(filled, frame_not_sent);
      nghttp2_session_callbacks_set_on_stream_close_callback(filled, stream_closed);
      nghttp2_session_callbacks_set_error_callback2(filled, said);
      return filled;
    }();
    return made;
  }

  static const nghttp2_option* options() {
    static const nghttp2_option* const made = [] {
      nghttp2_option* filled = nullptr;
      if (nghttp2_option_new(&filled) != 0) throw std::bad_alloc();
      nghttp2_option_set_no_auto_window_update(filled, 1);
      nghttp2_option_set_max_outbound_ack(filled, most_answers);
      nghttp2_option_set_no_closed_streams(filled, 1);
      // Blanks around a value are taken off, as in HTTP/1.1.
      nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(filled, 1);
      return filled;
    }();
    return made;
  }
};

h2_framing::h2_framing(h2_memory& memory, listener& events) : listener_(events) {
  nghttp2_mem functions = memory.functions();
  if (nghttp2_session_client_new3(&session_, callbacks::all(), this, callbacks::options(), &functions) != 0)
    throw std::bad_alloc();
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, stream_window}};
  if (nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings)) != 0 ||
      nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, connection_window) != 0) {
    nghttp2_session_del(session_);
    throw std::bad_alloc();
  }
}

h2_framing::~h2_framing() {
  open_.clear_and_dispose([](h2_events* each) { each->id_ = 0; });
  nghttp2_session_del(session_);
}

// A frame, and each of its fields, is of one stream, and nghttp2 looks it up in a table.
h2_events* h2_framing::find(std::int32_t stream) noexcept {
  if (found_ && found_->id_ == stream) return found_;
  auto* const events = static_cast<h2_events*>(nghttp2_session_get_stream_user_data(session_, stream));
  if (events) found_ = events;
  return events;
}

void h2_framing::forget(h2_events& events) noexcept {
  if (found_ == &events) found_ = nullptr;
  nghttp2_session_set_stream_user_data(session_, events.id_, nullptr);
  open_.erase(open_.iterator_to(events));
  events.id_ = 0;
}

bool h2_framing::takes_requests() const noexcept {
  return !over_ && !going_away_ && nghttp2_session_check_request_allowed(session_) != 0;
}

bool h2_framing::submit(std::span<const nghttp2_nv> fields, bool body, h2_events& events) {
  if (!takes_requests()) return false;
  nghttp2_data_provider provider{};
  provider.read_callback = callbacks::body;
  const std::int32_t id =
      nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), body ? &provider : nullptr, &events);
  if (id == NGHTTP2_ERR_NOMEM) throw std::bad_alloc();
  if (id < 0) return false;
  events.id_ = id;
  events.end_called_ = events.reset_by_peer_ = false;
  events.invalid_ = nullptr;
  open_.push_back(events);
  return true;
}

void h2_framing::resume_body(h2_events& events) {
  if (events.id_ != 0) nghttp2_session_resume_data(session_, events.id_);
}

void h2_framing::drop(h2_events& events, std::uint32_t code) noexcept {
  if (events.id_ == 0) return;
  const std::int32_t id = events.id_;
  forget(events);
  if (!over_) nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code);
}

void h2_framing::consumed(const h2_events& events, std::size_t bytes, std::int32_t least) noexcept {
  if (events.id_ == 0 || over_) return;
  if (window_.begin_round(now_)) nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, delay_mark);
  least = std::max(least, window_.bytes());
  if (least > nghttp2_session_get_stream_effective_local_window_size(session_, events.id_))
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, events.id_, least);
  nghttp2_session_consume_stream(session_, events.id_, bytes);
}

void h2_framing::ping() noexcept {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
}

void h2_framing::say_goodbye() noexcept {
  if (!over_) nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
}

bool h2_framing::count_useless() noexcept {
  if (++useless_ <= most_useless) return true;
  why_ = flood;
  return false;
}

bool h2_framing::fail(std::string why) noexcept {
  over_ = true;
  if (why_.empty()) why_ = std::move(why);
  return false;
}

bool h2_framing::feed(std::string_view bytes, clock::time_point now) {
  if (over_) return false;
  now_ = now;
  useless_bytes_ += bytes.size();
  const auto taken =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken < 0) return fail(nghttp2_strerror(static_cast<int>(taken)));
  if (useless_bytes_ > most_useless_bytes) return fail(flood);
  if (unconsumed_ > 0) {
    window_.received(unconsumed_, now);
    nghttp2_session_consume_connection(session_, std::exchange(unconsumed_, 0));
  }
  // Once it wants to read no more it swallows what it is given.
  if (nghttp2_session_want_read(session_) == 0) return fail({});
  return true;
}

bool h2_framing::collect(std::string& out, std::size_t most) {
  while (out.size() < most) {
    const std::uint8_t* bytes = nullptr;
    const auto size = nghttp2_session_mem_send(session_, &bytes);
    if (size < 0) return fail(nghttp2_strerror(static_cast<int>(size)));
    if (size == 0) {
      // What broke the protocol is answered by GOAWAY first; then it wants to read no more.
      if (nghttp2_session_want_read(session_) == 0) over_ = true;
      break;
    }
    out.append(view(bytes, static_cast<std::size_t>(size)));
  }
  return true;
}

void h2_framing::lose_all(bool unprocessed, std::string_view why) {
  over_ = true;
  while (!open_.empty()) {
    h2_events& each = open_.front();
    const bool whole = each.end_called_;
    forget(each);
    if (!whole) each.on_lost({goaway_code_, unprocessed, true, answered_any_, why});
  }
}

}  // namespace fanout::http
