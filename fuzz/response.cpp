#include <fanout/base/failure.hpp>

#include "check.hpp"
#include "http/h1/response_parser.hpp"
#include "http/message/location.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

/// \file
/// The first byte says how to read ('1': an answer to HEAD, '2': keep the body, '4': follow redirects, so that nobody
/// wants their bodies), four more how to cut, the rest is what a server sent before it closed. However it is cut, the
/// response is the same, and within the limits; and another implementation of HTTP, Beast, finds the same response
/// there.
namespace {

using namespace fanout;
using fuzz::check;

http::client_options small_limits(bool follows) {
  http::client_options options;
  options.max_header_bytes = 512;
  options.max_header_count = 8;
  options.max_body_bytes = 256;
  if (!follows) options.max_redirects = 0;
  return options;
}

struct outcome {
  http::response response;
  std::size_t used = 0;
  bool keep_alive = false;
};

/// What a client makes of the bytes; empty for any failure, whichever it is: malformed bytes are reported as soon as
/// they are seen, and when they are seen depends on the cut.
template <class Next>
std::optional<outcome> read(bool head, bool keep, bool follows, Next next) {
  static const http::client_options following = small_limits(true), not_following = small_limits(false);
  const auto& options = follows ? following : not_following;
  outcome result;
  http::response_parser parser(options, head, keep, result.response);
  std::string waiting;
  while (!parser.complete()) {
    const std::string_view piece = next();
    if (piece.empty()) break;
    waiting.append(piece);
    const auto made = parser.put(waiting);
    check(made.used <= waiting.size(), "no more is used than was given");
    result.used += made.used;
    if (made.failed) {
      try {
        parser.raise("a server");
      } catch (const error&) {
        return std::nullopt;
      }
    }
    waiting.erase(0, made.used);
  }
  check(!parser.how_far().empty(), "how far it came can be said");
  if (!parser.complete() && !parser.put_end()) return std::nullopt;
  check(parser.complete(), "a response that ended is complete");
  result.keep_alive = parser.keep_alive();
  parser.conclude();

  const auto& response = result.response;
  check(response.status >= 200 && response.status <= 999, "the status is final");
  check(response.headers.bytes() <= options.max_header_bytes, "the header is within its limit");
  check(response.headers.size() <= options.max_header_count, "the fields are within their limit");
  check(response.body_bytes <= options.max_body_bytes, "the body is within its limit");
  const bool unwanted = follows && !http::redirect_place(response).empty();
  check(response.body.size() == (keep && !unwanted ? response.body_bytes : 0), "the body is kept as asked");
  check(!head || response.body_bytes == 0, "an answer to HEAD has no body");
  for (const auto& [name, value] : response.headers) {
    check(!name.empty(), "a field has a name");
    check(value.find_first_of(std::string_view("\r\n\0", 3)) == value.npos, "a value has no end of line");
  }
  return result;
}

/// What we take must not mean anything else to another reader. One that refuses it is not misled.
void compare_with_beast(std::string_view bytes, bool head, const outcome& ours) {
  namespace beast = boost::beast::http;
  std::string_view left = bytes.substr(0, ours.used);
  for (;;) {
    // A status line without a reason and the space before it is something that only we take.
    if (left.size() > 12 && left[12] == '\r') return;
    beast::response_parser<beast::string_body> theirs;
    theirs.eager(true);
    theirs.skip(head);
    boost::system::error_code failed;
    left.remove_prefix(theirs.put(boost::asio::const_buffer(left.data(), left.size()), failed));
    if (failed && failed != beast::error::need_more) return;
    if (theirs.get().result_int() / 100 == 1) continue;
    if (!theirs.is_done()) theirs.put_eof(failed);
    check(!failed && theirs.is_done() && left.empty(), "and finds the same end");
    check(theirs.get().result_int() == static_cast<unsigned>(ours.response.status), "and the same status");
    check(theirs.get().body().size() == ours.response.coded_bytes, "and as long a body");
    if (!ours.response.body.empty() && !ours.response.headers.contains("content-encoding"))
      check(theirs.get().body() == ours.response.body, "and the same body");
    return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size <= 1 + fuzz::pieces::sizes) return 0;
  const bool head = (data[0] & 1U) != 0;
  const bool keep = (data[0] & 2U) != 0;
  const bool follows = (data[0] & 4U) != 0;
  fuzz::pieces cut(fuzz::text_of(data + 1, size - 1));
  const std::string_view all = cut.all();
  std::string_view whole = all;
  const auto at_once = read(head, keep, follows, [&] { return std::exchange(whole, {}); });
  const auto in_pieces = read(head, keep, follows, [&] { return cut.next(); });

  check(at_once.has_value() == in_pieces.has_value(), "whether it is a response does not depend on the cut");
  if (!at_once) return 0;
  // The body of a redirect that is followed is not read to its end.
  if (!follows) compare_with_beast(all, head, *at_once);
  const auto& a = at_once->response;
  const auto& b = in_pieces->response;
  check(at_once->used == in_pieces->used, "nor does where it ends");
  check(at_once->keep_alive == in_pieces->keep_alive, "nor whether the connection stays");
  check(a.status == b.status && a.reason == b.reason, "nor the status");
  check(a.body == b.body && a.body_bytes == b.body_bytes, "nor the body");
  check(std::equal(a.headers.begin(), a.headers.end(), b.headers.begin(), b.headers.end(),
                   [](auto left, auto right) { return left.name == right.name && left.value == right.value; }),
        "nor the header");
  return 0;
}
