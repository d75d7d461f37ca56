#include "check.hpp"
#include "http/h2/h2_framing.hpp"
#include "http/h2/h2_response.hpp"
#include "http/loop/h2_memory.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

/// \file
/// What a server of HTTP/2 sends to a client that has asked three times: the first byte says how ('1': the first
/// request is a HEAD, '2': bodies are kept, '4': the second request is given up after its first piece, '8': it has a
/// body), four more how to cut, the rest is frames. Every stream ends once, within its limits, and what is to be sent
/// stays in proportion to what came; whether a response is whole does not depend on the cut.
namespace {

using namespace fanout;
using fuzz::check;

constexpr std::size_t streams = 3;

http::client_options small_limits() {
  http::client_options options;
  options.max_header_bytes = 512;
  options.max_header_count = 8;
  options.max_body_bytes = 256;
  return options;
}

const http::client_options& limits() {
  static const http::client_options all = small_limits();
  return all;
}

struct exchange final : http::h2_events {
  exchange(bool head, bool keep) : response(limits(), head, keep, result) {}

  void on_fields() override {
    check(!over, "nothing is called once a stream has ended");
    response.begin_fields();
  }
  bool on_field(std::string_view name, std::string_view value) override {
    check(!over && !name.empty(), "a field has a name");
    for (const char c : name) check(c < 'A' || c > 'Z', "names are in lower case");
    check(value.find_first_of(std::string_view("\r\n\0", 3)) == value.npos, "a value has no end of line");
    return response.field(name, value);
  }
  bool on_fields_end() override { return response.end_fields(); }
  void on_data(std::string_view bytes) override {
    check(!over, "nor DATA");
    untaken += bytes.size();
    response.data(bytes);
  }
  void on_end() override {
    check(!over, "a stream ends once");
    over = true;
    response.end();
  }
  void on_lost(const http::h2_end&) override {
    check(!over, "a stream is lost once, or ends");
    over = lost = true;
  }
  std::ptrdiff_t on_room(std::span<char> into, bool& last) override {
    const std::size_t count = std::min(into.size(), body_left);
    for (std::size_t i = 0; i < count; ++i) into[i] = 'b';
    body_left -= count;
    last = body_left == 0;
    return static_cast<std::ptrdiff_t>(count);
  }
  void on_sent() override {}
  void on_moved(std::size_t, std::size_t) override {}

  http::response result;
  http::h2_response response;
  std::size_t untaken = 0;
  std::size_t body_left = 1000;
  bool over = false;
  bool lost = false;
};

struct quiet final : http::h2_framing::listener {
  void on_most_streams(std::size_t) override {}
  void on_pong() override {}
};

nghttp2_nv field(std::string_view name, std::string_view value) {
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

/// A byte each millisecond: time passes as they come.
std::chrono::steady_clock::time_point at(std::size_t byte) {
  return std::chrono::steady_clock::time_point(std::chrono::milliseconds(byte));
}

/// The responses that came whole.
template <class Next>
std::array<std::optional<http::response>, streams> read(unsigned how, Next next) {
  http::h2_memory memory;
  quiet nobody;
  http::h2_framing framing(memory, nobody);
  std::array<std::optional<exchange>, streams> all;
  for (std::size_t i = 0; i < streams; ++i) {
    const bool head = i == 0 && (how & 1U) != 0, body = i == 1 && (how & 8U) != 0;
    all[i].emplace(head, (how & 2U) != 0);
    const std::array fields{field(":method", head   ? "HEAD"
                                             : body ? "POST"
                                                    : "GET"),
                            field(":scheme", "http"), field(":authority", "a.test"), field(":path", "/")};
    check(framing.submit(fields, body, *all[i]), "a fresh connection takes requests");
  }
  std::string out;
  framing.collect(out, 1 << 20);
  std::size_t received = 0;
  bool first = true;
  for (std::string_view piece = next(); !piece.empty(); piece = next()) {
    received += piece.size();
    const bool fine = framing.feed(piece, at(received));
    out.clear();
    framing.collect(out, 1 << 20);
    check(out.size() <= 4096 + received * 20, "what is sent is in proportion to what came");
    if (std::exchange(first, false) && (how & 4U) != 0) framing.drop(*all[1], NGHTTP2_CANCEL);
    for (auto& each : all) {
      if (each->response.failed()) framing.drop(*each, NGHTTP2_CANCEL);
      framing.consumed(*each, std::exchange(each->untaken, 0));
    }
    if (!fine) break;
  }
  framing.lose_all(false, "the end");
  check(!framing.any_stream() && !framing.takes_requests(), "then nothing is open");

  std::array<std::optional<http::response>, streams> result;
  for (std::size_t i = 0; i < streams; ++i) {
    exchange& each = *all[i];
    const bool given_up = i == 1 && (how & 4U) != 0;
    check(each.over || each.response.failed() || given_up, "no stream is forgotten");
    check(!each.response.how_far().empty(), "how far it came can be said");
    if (each.lost || given_up || !each.response.complete()) continue;
    each.response.conclude();
    result[i] = std::move(each.result);
    check(result[i]->status >= 200 && result[i]->status <= 999, "the status is final");
    check(result[i]->headers.bytes() <= limits().max_header_bytes, "the header is within its limit");
    check(result[i]->headers.size() <= limits().max_header_count, "the fields are within their limit");
    check(result[i]->body_bytes <= limits().max_body_bytes, "the body is within its limit");
  }
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size <= 1 + fuzz::pieces::sizes) return 0;
  const unsigned how = data[0];
  fuzz::pieces cut(fuzz::text_of(data + 1, size - 1));
  std::string_view whole = cut.all();
  const auto at_once = read(how, [&] { return std::exchange(whole, {}); });
  const auto in_pieces = read(how, [&] { return cut.next(); });
  for (std::size_t i = 0; i < streams; ++i) {
    if (!at_once[i] || !in_pieces[i]) continue;
    check(at_once[i]->status == in_pieces[i]->status, "the status does not depend on the cut");
    check(at_once[i]->body == in_pieces[i]->body, "nor does the body");
    check(at_once[i]->headers.bytes() == in_pieces[i]->headers.bytes(), "nor the header");
  }
  return 0;
}
