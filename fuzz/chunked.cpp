#include "check.hpp"
#include "http/h1/response_parser.hpp"

#include <algorithm>
#include <string>
#include <utility>

/// \file
/// A chunked body behind a header that is always the same, cut by the first four bytes. Written out again from what was
/// read, it is read as the same body and trailer.
namespace {

using namespace fanout;
using fuzz::check;

http::client_options small_limits() {
  http::client_options options;
  options.max_header_bytes = 256;
  options.max_header_count = 4;
  options.max_body_bytes = 512;
  return options;
}

/// False when it is refused or not whole.
template <class Next>
bool read(http::response& into, Next next) {
  static const http::client_options options = small_limits();
  http::response_parser parser(options, false, true, into);
  std::string waiting = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::string_view piece = next(); !piece.empty() && !parser.complete(); piece = next()) {
    waiting.append(piece);
    const auto made = parser.put(waiting);
    if (made.failed) return false;
    waiting.erase(0, made.used);
  }
  check(!parser.ends_with_connection(), "chunks say where they end");
  if (!parser.complete()) return false;
  parser.conclude();
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size <= fuzz::pieces::sizes) return 0;
  fuzz::pieces cut(fuzz::text_of(data, size));
  http::response first, again;
  if (!read(first, [&] { return cut.next(); })) return 0;
  check(first.body.size() == first.body_bytes && first.body_bytes <= 512, "the body is within its limit");
  check(first.trailers.size() <= 4, "and so is the trailer");

  std::string written;
  for (const char c : first.body) written.append("1\r\n").append(1, c).append("\r\n");
  written += "0\r\n";
  for (const auto& [name, value] : first.trailers) written.append(name).append(":").append(value).append("\r\n");
  written += "\r\n";
  std::string_view whole = written;
  check(read(again, [&] { return std::exchange(whole, {}); }), "what was read can be written and read again");
  check(again.body == first.body, "as the same body");
  check(std::equal(first.trailers.begin(), first.trailers.end(), again.trailers.begin(), again.trailers.end(),
                   [](auto a, auto b) { return a.name == b.name && a.value == b.value; }),
        "and the same trailer");
  return 0;
}
