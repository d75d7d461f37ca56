#include "http/h2_translation.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <stdexcept>
#include <utility>

namespace fanout_test {
namespace {

using fields_type = std::vector<std::pair<std::string, std::string>>;

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

// "content-length" as "Content-Length".
std::string as_in_http_1(std::string_view name) {
  std::string result(name);
  bool first = true;
  for (char& c : result) {
    if (first) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    first = c == '-';
  }
  return result;
}

std::string chunk_of(std::string_view bytes) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, bytes.size(), 16).ptr;
  return std::string(digits, end) + "\r\n" + std::string(bytes) + "\r\n";
}

fields_type parse_fields(std::string_view text) {
  fields_type result;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find("\r\n"), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 2, text.size()));
    const std::size_t colon = line.find(':');
    if (colon == line.npos) continue;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    while (value.ends_with(' ')) value.remove_suffix(1);
    result.emplace_back(lower_case(line.substr(0, colon)), value);
  }
  return result;
}

std::vector<nghttp2_nv> pairs(const fields_type& fields) {
  std::vector<nghttp2_nv> result;
  for (const auto& [name, value] : fields)
    result.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                      reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(), 0});
  return result;
}

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

struct h2_translation::callbacks {
  static h2_translation& self(void* data) { return *static_cast<h2_translation*>(data); }

  static int begin_headers(nghttp2_session*, const nghttp2_frame*, void* data) {
    self(data).fields_.clear();
    return 0;
  }
  static int header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_size,
                    const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* data) {
    self(data).fields_.emplace_back(text_of(name, name_size), text_of(value, value_size));
    return 0;
  }
  static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    h2_translation& to = self(data);
    const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
      to.head_done(frame->hd.stream_id, to.fields_, end);
    else if (stream* const of = frame->hd.type == NGHTTP2_DATA && end ? to.find(frame->hd.stream_id) : nullptr) {
      if (!of->sized) of->request += "0\r\n\r\n";
      of->request_done = true;
    }
    return 0;
  }
  static int data_chunk(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size,
                        void* data) {
    if (stream* const of = self(data).find(id))
      of->request += of->sized ? std::string(text_of(bytes, size)) : chunk_of(text_of(bytes, size));
    return 0;
  }
  static int stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t, void* data) {
    h2_translation& to = self(data);
    stream* const of = to.find(id);
    if (!of) return 0;
    of->body.clear();
    of->body_done = of->closed = true;
    // What is left of a request that came whole is still for the script.
    if (!of->request_done || of->request.empty()) {
      std::erase(to.to_take_, id);
      to.streams_.erase(id);
    }
    return 0;
  }
  static ssize_t body(nghttp2_session* session, std::int32_t id, std::uint8_t* into, std::size_t size,
                      std::uint32_t* flags, nghttp2_data_source*, void* data) {
    stream* const of = self(data).find(id);
    if (!of) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (of->body.empty() && !of->body_done) return NGHTTP2_ERR_DEFERRED;
    const std::size_t count = std::min(size, of->body.size());
    std::copy_n(of->body.data(), count, reinterpret_cast<char*>(into));
    of->body.erase(0, count);
    if (!of->body.empty() || !of->body_done) return static_cast<ssize_t>(count);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!of->trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const auto trailers = pairs(of->trailers);
      nghttp2_submit_trailer(session, id, trailers.data(), trailers.size());
    }
    return static_cast<ssize_t>(count);
  }
};

h2_translation::h2_translation() {
  nghttp2_session_callbacks* all = nullptr;
  if (nghttp2_session_callbacks_new(&all) != 0) throw std::runtime_error("no memory for HTTP/2");
  nghttp2_session_callbacks_set_on_begin_headers_callback(all, callbacks::begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(all, callbacks::header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(all, callbacks::frame_received);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, callbacks::data_chunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(all, callbacks::stream_closed);
  const int made = nghttp2_session_server_new(&session_, all, this);
  nghttp2_session_callbacks_del(all);
  if (made != 0) throw std::runtime_error("no memory for HTTP/2");
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
}

h2_translation::~h2_translation() {
  nghttp2_session_del(session_);
}

h2_translation::stream* h2_translation::find(std::int32_t id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : &found->second;
}

bool h2_translation::feed(std::string_view bytes) {
  const auto taken =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  return taken == static_cast<ssize_t>(bytes.size()) && nghttp2_session_want_read(session_) != 0;
}

void h2_translation::head_done(std::int32_t id, const fields_type& fields, bool end) {
  stream& of = streams_[id];
  std::string method, path, host, rest;
  for (const auto& [name, value] : fields) {
    if (name == ":method")
      method = value;
    else if (name == ":path")
      path = value;
    else if (name == ":authority")
      host = value;
    else if (!name.starts_with(':'))
      rest += as_in_http_1(name) + ": " + value + "\r\n";
    of.sized |= name == "content-length";
  }
  of.head = method == "HEAD";
  of.request = method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + rest;
  if (!end && !of.sized) of.request += "Transfer-Encoding: chunked\r\n";
  of.request += "\r\n";
  of.request_done = end;
  to_take_.push_back(id);
}

void h2_translation::take_requests(std::string& into) {
  while (!to_take_.empty()) {
    const std::int32_t id = to_take_.front();
    stream* const of = find(id);
    if (of && !of->request.empty()) {
      if (heads_.try_emplace(id, of->head).second) to_answer_.push_back(id);
      into += std::exchange(of->request, {});
    }
    if (of && !of->request_done) return;
    to_take_.pop_front();
  }
}

void h2_translation::answer(std::string_view bytes) {
  unparsed_.append(bytes);
  while (!unparsed_.empty() && !to_answer_.empty()) {
    // The client gave the stream up, and so does the script.
    if (stream* const of = find(to_answer_.front());
        part_ != part::head && (!of || of->closed) && unparsed_.starts_with("HTTP/1.")) {
      answered();
      continue;
    }
    switch (part_) {
      case part::head: {
        const std::size_t end = unparsed_.find("\r\n\r\n");
        if (end == std::string::npos) return;
        const std::string head = unparsed_.substr(0, end + 2);
        unparsed_.erase(0, end + 4);
        send_head(head);
        break;
      }
      case part::length:
      case part::chunk: {
        const std::size_t count = std::min(left_, unparsed_.size());
        left_ -= count;
        const std::string some = unparsed_.substr(0, count);
        unparsed_.erase(0, count);
        add_body(some, part_ == part::length && left_ == 0);
        if (left_ > 0) break;
        if (part_ == part::length)
          answered();
        else
          part_ = part::chunk_end;
        break;
      }
      case part::chunk_end:
        if (unparsed_.size() < 2) return;
        unparsed_.erase(0, 2);
        part_ = part::chunk_size;
        break;
      case part::chunk_size: {
        const std::size_t end = unparsed_.find("\r\n");
        if (end == std::string::npos) return;
        left_ = std::stoul(unparsed_, nullptr, 16);
        part_ = left_ > 0 ? part::chunk : part::trailers;
        unparsed_.erase(0, part_ == part::chunk ? end + 2 : end);  // trailers begin with their CRLF
        break;
      }
      case part::trailers: {
        const std::size_t end = unparsed_.find("\r\n\r\n");
        if (end == std::string::npos) return;
        if (stream* const of = find(to_answer_.front())) of->trailers = parse_fields(unparsed_.substr(2, end));
        unparsed_.erase(0, end + 4);
        add_body({}, true);
        answered();
        break;
      }
      case part::until_end:
        add_body(std::exchange(unparsed_, {}), false);
        break;
    }
  }
}

void h2_translation::answer_ends() {
  if (part_ != part::until_end || to_answer_.empty()) return;
  add_body({}, true);
  answered();
}

void h2_translation::send_head(std::string_view text) {
  const std::int32_t id = to_answer_.front();
  const std::string status(text.substr(9, 3));
  fields_type fields{{":status", status}};
  std::size_t length = std::string::npos;
  bool chunked = false;
  for (auto& [name, value] : parse_fields(text.substr(std::min(text.find("\r\n") + 2, text.size())))) {
    if (name == "content-length") length = std::stoul(value);
    chunked |= name == "transfer-encoding";
    if (name != "transfer-encoding" && name != "connection" && name != "keep-alive") fields.emplace_back(name, value);
  }
  const bool interim = status.starts_with('1');
  const bool no_body = heads_[id] || status == "204" || status == "304" || length == 0;
  const auto sent = pairs(fields);
  if (find(id)) {
    nghttp2_data_provider provider{};
    provider.read_callback = callbacks::body;
    if (interim)
      nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, id, nullptr, sent.data(), sent.size(), nullptr);
    else
      nghttp2_submit_response(session_, id, sent.data(), sent.size(), no_body ? nullptr : &provider);
  }
  if (interim) return;
  if (no_body) return answered();
  left_ = length;
  part_ = chunked ? part::chunk_size : length == std::string::npos ? part::until_end : part::length;
}

void h2_translation::add_body(std::string_view bytes, bool last) {
  stream* const of = find(to_answer_.front());
  if (!of || of->body_done) return;
  of->body.append(bytes);
  of->body_done = last;
  nghttp2_session_resume_data(session_, to_answer_.front());
}

void h2_translation::answered() {
  heads_.erase(to_answer_.front());
  to_answer_.pop_front();
  part_ = part::head;
}

std::string h2_translation::collect() {
  std::string out;
  const std::uint8_t* bytes = nullptr;
  for (ssize_t size; (size = nghttp2_session_mem_send(session_, &bytes)) > 0;)
    out.append(text_of(bytes, static_cast<std::size_t>(size)));
  return out;
}

bool h2_translation::blocked() const noexcept {
  return std::any_of(streams_.begin(), streams_.end(), [](const auto& each) { return !each.second.body.empty(); });
}

}  // namespace fanout_test
