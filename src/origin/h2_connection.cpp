#include "origin/h2_connection.hpp"

#include <fanout/base/saturated_time.hpp>
#include <fanout/origin/content.hpp>

#include "origin/routes.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <new>
#include <utility>
#include <vector>

namespace fanout::origin {
namespace {

constexpr std::size_t most_collected = 256 * 1024;
constexpr int turns_in_a_row = 16;  // before other connections get one
constexpr std::uint64_t most_resets = 1'000'000'000;
constexpr std::chrono::seconds longest_goodbye{2};
constexpr std::uint32_t most_h2_header_bytes = 64 * 1024;

std::string_view view(const std::uint8_t* bytes, std::size_t size) noexcept {
  return {reinterpret_cast<const char*>(bytes), size};
}

nghttp2_nv field(std::string_view name, std::string_view value) noexcept {
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(), 0};
}

// One frame (RFC 9113 section 4.1).
std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  std::string bytes;
  for (const int shift : {16, 8, 0}) bytes += static_cast<char>(payload.size() >> shift & 0xff);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(stream >> shift & 0xff);
  return bytes.append(payload);
}

// What a flood of this name begins with, and what follows for ever.
std::pair<std::string, std::string> frames_of_flood(std::string_view name, std::uint32_t stream) {
  if (name == "settings") return {{}, frame(NGHTTP2_SETTINGS, 0, 0, {})};
  if (name == "data")
    return {frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, stream, "\x88"), frame(NGHTTP2_DATA, 0, stream, {})};
  if (name == "reset") return {{}, frame(NGHTTP2_RST_STREAM, 0, stream + 1'000, std::string("\0\0\0\x08", 4))};
  if (name == "continuation")  // "a: b", in no table
    return {frame(NGHTTP2_HEADERS, 0, stream, "\x88"),
            frame(NGHTTP2_CONTINUATION, 0, stream, std::string("\0\1a\1b", 5))};
  return {{}, frame(NGHTTP2_PING, 0, 0, "fanout!!")};
}

bool status_has_body(unsigned status) noexcept {
  return status != 204 && status != 304;
}

}  // namespace

/// What nghttp2 calls.
struct h2_connection::callbacks {
  static h2_connection& self(void* data) noexcept { return *static_cast<h2_connection*>(data); }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* received, void* data) {
    if (received->headers.cat == NGHTTP2_HCAT_REQUEST) self(data).streams_[received->hd.stream_id].request.version(20);
    return 0;
  }

  static int header(nghttp2_session*, const nghttp2_frame* received, const std::uint8_t* name, std::size_t name_size,
                    const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* data) {
    stream* const of = self(data).find(received->hd.stream_id);
    if (!of || received->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    const std::string_view key = view(name, name_size);
    const boost::beast::string_view text(reinterpret_cast<const char*>(value), value_size);
    if (key == ":method")
      of->request.method_string(text);
    else if (key == ":path")
      of->request.target(text);
    else if (key == ":authority")
      of->request.set(boost::beast::http::field::host, text);
    else if (!key.starts_with(':'))
      of->request.insert(boost::beast::string_view(key.data(), key.size()), text);
    return 0;
  }

  static int frame_received(nghttp2_session* session, const nghttp2_frame* received, void* data) {
    h2_connection& to = self(data);
    if (received->hd.type != NGHTTP2_HEADERS && received->hd.type != NGHTTP2_DATA) return 0;
    stream* const of = to.find(received->hd.stream_id);
    if (!of) return 0;
    if ((received->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      to.finish_request(received->hd.stream_id, *of);
    } else if (received->hd.type == NGHTTP2_HEADERS && of->request["expect"] == "100-continue") {
      const nghttp2_nv status = field(":status", "100");
      nghttp2_submit_headers(session, NGHTTP2_FLAG_NONE, received->hd.stream_id, nullptr, &status, 1, nullptr);
    }
    return 0;
  }

  static int data_chunk(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size,
                        void* data) {
    h2_connection& to = self(data);
    stream* const of = to.find(id);
    if (!of || of->answered) return 0;
    of->request.body().append(view(bytes, size));
    if (of->request.body().size() > to.server_.settings.max_body_bytes) to.refuse_body(id, *of);
    return 0;
  }

  static int stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t, void* data) {
    h2_connection& to = self(data);
    if (stream* const of = to.find(id)) to.stop_waiting(*of);
    to.streams_.erase(id);
    return 0;
  }

  static ssize_t body(nghttp2_session*, std::int32_t id, std::uint8_t* into, std::size_t size, std::uint32_t* flags,
                      nghttp2_data_source*, void* data) {
    h2_connection& to = self(data);
    stream* const of = to.find(id);
    if (!of) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return to.take_body(id, *of, {reinterpret_cast<char*>(into), size}, *flags);
  }
};

h2_connection::h2_connection(server_state& server, transport& wire) : server_(server), wire_(wire) {
  nghttp2_session_callbacks* all = nullptr;
  if (nghttp2_session_callbacks_new(&all) != 0) throw std::bad_alloc();
  nghttp2_session_callbacks_set_on_begin_headers_callback(all, callbacks::begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(all, callbacks::header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(all, callbacks::frame_received);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, callbacks::data_chunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(all, callbacks::stream_closed);
  nghttp2_option* options_of_session = nullptr;
  if (nghttp2_option_new(&options_of_session) != 0) {
    nghttp2_session_callbacks_del(all);
    throw std::bad_alloc();
  }
  // Clients that cancel all they ask for are what it is for.
  nghttp2_option_set_stream_reset_rate_limit(options_of_session, most_resets, most_resets);
  const int made = nghttp2_session_server_new2(&session_, all, this, options_of_session);
  nghttp2_option_del(options_of_session);
  nghttp2_session_callbacks_del(all);
  if (made != 0) throw std::bad_alloc();
  const options& with = server_.settings;
  const std::array settings{nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, with.max_streams},
                            nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, with.request_window},
                            nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, most_h2_header_bytes}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  ++server_.counts.http_2_connections;
}

h2_connection::~h2_connection() {
  for (auto& [id, each] : streams_) stop_waiting(each);
  nghttp2_session_del(session_);
}

h2_connection::stream* h2_connection::find(std::int32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : &found->second;
}

routine<> h2_connection::serve(std::string first) {
  const executor_type loop = server_.loop.get_executor();
  bool fine = feed(first);
  for (int turns = 1; fine; ++turns) {
    if (turns % turns_in_a_row == 0) co_await asio::post(loop, awaiting);
    progress state = write();
    if (state == progress::done && flood_.empty()) {
      if (done()) {
        routine<> lingering = linger();
        co_await std::move(lingering);
        co_return;
      }
      const transfer received = wire_.read(server_.input);
      state = received.state;
      if (state == progress::done) {
        fine = feed({server_.input.data(), received.bytes});
        continue;
      }
    }
    if (state == progress::done) continue;
    if (state != progress::want_read && state != progress::want_write) co_return;
    fine = co_await wait(state);
  }
}

/// Nothing more is answered.
bool h2_connection::done() const {
  if (closing_ || (nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0)) return true;
  return last_ && (streams_.empty() || streams_.begin()->first > *last_);
}

/// Closes, once the client has or has had time to: what it has sent and nobody read would make the kernel send RST,
/// which takes the last answers with it.
routine<> h2_connection::linger() {
  wire_.finish();
  timer_type limit(server_.loop.get_executor(), longest_goodbye);
  limit.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code failed) {
    if (!failed && !alive.expired()) wire_.close();
  });
  for (;;) {
    const transfer received = wire_.read(server_.input);
    if (received.state == progress::done) continue;
    if (received.state != progress::want_read && received.state != progress::want_write) co_return;
    const bool fine = co_await wait(received.state);
    if (!fine) co_return;
  }
}

bool h2_connection::feed(std::string_view bytes) {
  const auto taken =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  return taken >= 0;
}

/// Writes all that there is. `done` when it is out, or what to wait for.
progress h2_connection::write() {
  for (;;) {
    if (written_ == out_.size()) {
      out_.clear();
      written_ = 0;
      if (!closing_ && flood_.empty()) {
        const std::uint8_t* bytes = nullptr;
        for (ssize_t size; out_.size() < most_collected && (size = nghttp2_session_mem_send(session_, &bytes)) > 0;)
          out_.append(view(bytes, static_cast<std::size_t>(size)));
      }
      if (!flood_.empty()) out_ = flood_;
      if (out_.empty()) return progress::done;
    }
    const transfer sent = wire_.write(std::string_view(out_).substr(written_));
    if (sent.state != progress::done) return sent.state;
    written_ += sent.bytes;
    if (!flood_.empty() && written_ == out_.size()) return progress::done;
  }
}

// False when the connection is gone.
routine<bool> h2_connection::wait(progress until) {
  if (std::exchange(woken_, false)) co_return true;
  boost::system::error_code failed;
  const auto what = until == progress::want_read ? socket_type::wait_read : socket_type::wait_write;
  co_await wire_.socket().async_wait(what, asio::redirect_error(awaiting, failed));
  co_return std::exchange(woken_, false) || !failed;
}

void h2_connection::wake() {
  woken_ = true;
  boost::system::error_code ignored;
  wire_.socket().cancel(ignored);
}

void h2_connection::finish_request(std::int32_t id, stream& of) {
  if (of.answered || (last_ && id > *last_)) return;  // above the last stream of GOAWAY: not acted on
  of.answered = true;
  ++server_.counts.requests;
  ++requests_;
  const options& with = server_.settings;
  if (with.refuse_every != 0 && requests_ % with.refuse_every == 0) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    return;
  }
  if (requests_ == with.requests_per_connection) go_away(id);
  of.head = of.request.method() == boost::beast::http::verb::head;
  of.reply = route(of.request);
  if (of.reply.over_h2 != h2_failure::none) return fail(id, of.reply);
  const auto delay = fanout::detail::saturating_sum<std::chrono::milliseconds>(of.reply.delay, with.latency);
  if (of.reply.then == ending::never || delay.count() > 0) {
    of.waiting = true;
    ++server_.counts.waiting;
    server_.counts.peak_waiting.at_least(server_.counts.waiting.value());
  }
  if (of.reply.then == ending::never) return;
  if (delay.count() > 0) return wait_to(id, of, delay, &h2_connection::on_delay);
  answer_now(id, of);
}

void h2_connection::refuse_body(std::int32_t id, stream& of) {
  of.answered = true;
  of.reply = error_answer(413, fmt::format("a request body has at most {} bytes", server_.settings.max_body_bytes));
  answer_now(id, of);
}

void h2_connection::answer_now(std::int32_t id, stream& of) {
  const answer& reply = of.reply;
  if (reply.bare) {
    out_.append(reply.body);
    closing_ = true;
    return;
  }
  if (reply.cut_after && *reply.cut_after == 0) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
    return;
  }
  const std::uint64_t whole = reply.generated > 0 ? reply.generated : reply.body.size();
  of.limit = std::min(whole, reply.cut_after.value_or(whole));
  const std::string status = fmt::format("{}", reply.status);
  const std::string length = fmt::format("{}", reply.claimed_length.value_or(whole));
  std::vector<nghttp2_nv> fields{field(":status", status)};
  if (status_has_body(reply.status)) {
    fields.push_back(field("content-type", reply.content_type));
    if (reply.body_framing == framing::length) fields.push_back(field("content-length", length));
  }
  for (std::string_view rest = reply.headers; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find("\r\n"));
    rest.remove_prefix(std::min(rest.size(), line.size() + 2));
    const std::size_t colon = line.find(": ");
    if (colon != line.npos) fields.push_back(field(line.substr(0, colon), line.substr(colon + 2)));
  }
  nghttp2_data_provider provider{};
  provider.read_callback = callbacks::body;
  const bool body = !of.head && status_has_body(reply.status) && (of.limit > 0 || reply.cut_after);
  nghttp2_submit_response(session_, id, fields.data(), fields.size(), body ? &provider : nullptr);
  // Over HTTP/1.1 the connection would say that it stays, and close.
  if (reply.then == ending::close_silently && !reply.claimed_length) go_away(id);
}

void h2_connection::go_away(std::int32_t last) {
  if (last_) return;
  last_ = last;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
}

void h2_connection::fail(std::int32_t id, const answer& how) {
  switch (how.over_h2) {
    case h2_failure::none:
      break;
    case h2_failure::refuse:
      nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
      break;
    case h2_failure::goaway:
      go_away(std::max(id - 2, 0));
      break;
    case h2_failure::flood: {
      const auto [first, then] = frames_of_flood(how.flood_of, static_cast<std::uint32_t>(id));
      out_.append(first);
      while (flood_.size() < 16 * 1024) flood_.append(then);
      break;
    }
  }
}

void h2_connection::wait_to(std::int32_t id, stream& of, std::chrono::milliseconds how_long,
                            void (h2_connection::*then)(std::int32_t)) {
  if (!of.timer) of.timer.emplace(server_.loop.get_executor());
  of.timer->expires_at(fanout::detail::after(std::chrono::steady_clock::now(), how_long));
  of.timer->async_wait([this, id, then, alive = std::weak_ptr(alive_)](boost::system::error_code failed) {
    if (failed || alive.expired()) return;
    (this->*then)(id);
    wake();
  });
}

void h2_connection::on_delay(std::int32_t id) {
  stream* const of = find(id);
  if (!of) return;
  stop_waiting(*of);
  answer_now(id, *of);
}

void h2_connection::on_pace(std::int32_t id) {
  if (stream* const of = find(id)) of->due = true;
  nghttp2_session_resume_data(session_, id);
}

// A part of the body. Called within `mem_send`.
std::ptrdiff_t h2_connection::take_body(std::int32_t id, stream& of, std::span<char> into, std::uint32_t& flags) {
  const answer& reply = of.reply;
  const bool drips = reply.pace.count() > 0;
  if (drips && !of.due) return NGHTTP2_ERR_DEFERRED;
  const std::uint64_t left = of.limit - of.sent;
  std::size_t count = 0;
  for (const std::size_t most = drips ? std::min<std::size_t>(into.size(), 1) : into.size();
       count < most && count < left;) {
    const std::string_view source =
        reply.generated > 0 ? content_block(of.sent + count) : std::string_view(reply.body).substr(of.sent + count);
    const auto part = source.substr(0, std::min(most - count, static_cast<std::size_t>(left - count)));
    std::copy(part.begin(), part.end(), into.data() + count);
    count += part.size();
  }
  of.sent += count;
  if (of.sent == of.limit) {
    if (reply.cut_after) {
      // Behind this DATA.
      flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
      nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
    } else {
      flags |= NGHTTP2_DATA_FLAG_EOF;
    }
  } else if (drips) {
    of.due = false;
    wait_to(id, of, reply.pace, &h2_connection::on_pace);
  }
  return static_cast<std::ptrdiff_t>(count);
}

void h2_connection::stop_waiting(stream& of) {
  if (std::exchange(of.waiting, false)) --server_.counts.waiting;
}

}  // namespace fanout::origin
