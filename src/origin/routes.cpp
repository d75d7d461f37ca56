#include "origin/routes.hpp"

#include "origin/describe.hpp"

#include <boost/url/decode_view.hpp>
#include <boost/url/pct_string_view.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <stdexcept>

namespace fanout::origin {
namespace {

constexpr std::uint64_t largest_body = 10ull << 30;
constexpr std::uint64_t largest_cut_body = 1ull << 20;  // composed in memory
constexpr std::uint64_t longest_delay_ms = 3'600'000;
constexpr std::uint64_t most_redirects = 1'000'000;

struct bad_argument : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One request, taken apart. `argument` is what follows the endpoint's name in the path.
struct call {
  const request_type& request;
  std::string_view argument;
  std::string_view query;
};

std::uint64_t number(std::string_view name, std::string_view text, std::uint64_t least, std::uint64_t most) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), end, value);
  if (failed != std::errc{} || stop != end || value < least || value > most)
    throw bad_argument(fmt::format("{} is a number from {} to {}, not '{}'", name, least, most, text));
  return value;
}

/// The percent-decoded value of `name` in the query; a plus sign stays one. Split by hand: in Boost 1.81 a view made by
/// `parse_query` runs on past the end of the query to the end of the text around it.
std::optional<std::string> parameter(const call& with, std::string_view name) {
  for (std::string_view rest = with.query; !rest.empty();) {
    const std::string_view each = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), each.size() + 1));
    const auto equals = each.find('=');
    if (each.substr(0, equals) != name) continue;
    const std::string_view value = equals == each.npos ? std::string_view{} : each.substr(equals + 1);
    const auto encoded = boost::urls::make_pct_string_view({value.data(), value.size()});
    if (!encoded) throw bad_argument(fmt::format("{} is percent-encoded wrongly: '{}'", name, value));
    const auto decoded = **encoded;
    return std::string(decoded.begin(), decoded.end());
  }
  return std::nullopt;
}

std::uint64_t number_parameter(const call& with, std::string_view name, std::uint64_t otherwise, std::uint64_t least,
                               std::uint64_t most) {
  const auto text = parameter(with, name);
  return text ? number(name, *text, least, most) : otherwise;
}

answer text_page(std::string text) {
  answer reply;
  reply.body = std::move(text);
  return reply;
}

answer generated(std::uint64_t bytes) {
  answer reply;
  reply.content_type = "application/octet-stream";
  reply.generated = bytes;
  return reply;
}

answer json_page(std::string text) {
  answer reply = text_page(std::move(text));
  reply.content_type = "application/json";
  return reply;
}

answer delay(const call& with) {
  const auto ms = number("MS", with.argument, 0, longest_delay_ms);
  answer reply = text_page(fmt::format("waited {} ms\n", ms));
  reply.delay = std::chrono::milliseconds(ms);
  return reply;
}

answer bytes(const call& with) {
  return generated(number("N", with.argument, 0, largest_body));
}

answer chunked(const call& with) {
  answer reply = bytes(with);
  reply.body_framing = framing::chunked;
  reply.chunk_bytes = number_parameter(with, "chunk", reply.chunk_bytes, 1, 1 << 20);
  return reply;
}

answer close_delimited(const call& with) {
  answer reply = bytes(with);
  reply.body_framing = framing::until_close;
  reply.then = ending::close;
  return reply;
}

answer status(const call& with) {
  const auto code = static_cast<unsigned>(number("CODE", with.argument, 200, 999));
  answer reply = text_page(fmt::format("status {}\n", code));
  reply.status = code;
  return reply;
}

answer redirect(const call& with) {
  const auto left = number("N", with.argument, 0, most_redirects);
  if (left == 0) return text_page("the end of the redirects\n");
  answer reply = text_page(fmt::format("{} redirects to go\n", left));
  reply.status = 302;
  reply.headers = fmt::format("location: /redirect/{}\r\n", left - 1);
  return reply;
}

answer redirect_to(const call& with) {
  const auto url = parameter(with, "url");
  if (!url || url->empty()) throw bad_argument("url is missing: /redirect-to?url=URL, percent-encoded");
  // A line break would let the caller write headers, and the origin would no longer do what its page says.
  if (std::any_of(url->begin(), url->end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    throw bad_argument("url must hold no control characters");
  const auto code = number_parameter(with, "status", 302, 300, 399);
  answer reply = text_page("elsewhere\n");
  reply.status = static_cast<unsigned>(code);
  reply.headers = fmt::format("location: {}\r\n", *url);
  return reply;
}

answer headers(const call& with) {
  return json_page(describe_headers(with.request));
}

answer echo(const call& with) {
  return json_page(describe_request(with.request));
}

answer reset(const call& with) {
  const auto bytes_in_body = number_parameter(with, "bytes", 1000, 0, largest_cut_body);
  answer reply = generated(bytes_in_body);
  reply.cut_after = number_parameter(with, "after", 0, 0, largest_body);
  reply.then = ending::reset;
  return reply;
}

answer truncate(const call& with) {
  const auto sent = number_parameter(with, "bytes", 100, 0, largest_body - 1);
  answer reply = generated(sent);
  reply.claimed_length = number_parameter(with, "length", std::min(sent + 100, largest_body), sent + 1, largest_body);
  reply.then = ending::close_silently;
  return reply;
}

answer drip(const call& with) {
  answer reply = generated(number_parameter(with, "bytes", 10, 0, largest_body));
  reply.pace = std::chrono::milliseconds(number_parameter(with, "ms", 100, 0, longest_delay_ms));
  return reply;
}

answer never(const call&) {
  answer reply;
  reply.then = ending::never;
  return reply;
}

answer garbage(const call&) {
  using namespace std::string_view_literals;
  answer reply = text_page(std::string("\x16\x03 this is not HTTP \0\xff\r\n: \r\n\r\n"sv));
  reply.bare = true;
  reply.then = ending::close;
  return reply;
}

answer keepalive_close(const call&) {
  answer reply = text_page("this connection says keep-alive, and closes\n");
  reply.then = ending::close_silently;
  return reply;
}

answer failing(const call& with, h2_failure how) {
  if (with.request.version() < 20) throw bad_argument("this is done over HTTP/2 only");
  answer reply;
  reply.over_h2 = how;
  return reply;
}

answer refuse(const call& with) {
  return failing(with, h2_failure::refuse);
}

answer goaway(const call& with) {
  return failing(with, h2_failure::goaway);
}

answer flood(const call& with) {
  constexpr std::array<std::string_view, 5> kinds{"ping", "settings", "data", "reset", "continuation"};
  const std::string kind = parameter(with, "of").value_or("ping");
  const auto* const known = std::find(kinds.begin(), kinds.end(), kind);
  if (known == kinds.end()) throw bad_argument("of is ping, settings, data, reset or continuation");
  answer reply = failing(with, h2_failure::flood);
  reply.flood_of = *known;
  return reply;
}

struct endpoint {
  std::string_view name;
  std::string_view argument;  ///< what has to follow the name; empty: nothing may
  answer (*answer_to)(const call&);
  std::string_view usage;
};

constexpr std::array endpoints{
    endpoint{"bytes", "N", bytes, "/bytes/N                      N bytes of known content"},
    endpoint{"delay", "MS", delay, "/delay/MS                     answers after MS milliseconds"},
    endpoint{"chunked", "N", chunked, "/chunked/N?chunk=             the same bytes in chunks"},
    endpoint{"close", "N", close_delimited,
             "/close/N                      the same bytes, ended by the connection's end"},
    endpoint{"status", "CODE", status, "/status/CODE                  that status"},
    endpoint{"redirect", "N", redirect, "/redirect/N                   N redirects, then a page"},
    endpoint{"redirect-to", "", redirect_to, "/redirect-to?url=&status=     a redirect to that URL"},
    endpoint{"headers", "", headers, "/headers                      the request's headers, as JSON"},
    endpoint{"echo", "", echo, "/echo                         the request, as JSON"},
    endpoint{"reset", "", reset, "/reset?after=&bytes=          a reset, after so many bytes of the response"},
    endpoint{"truncate", "", truncate, "/truncate?bytes=&length=      fewer bytes than content-length says"},
    endpoint{"drip", "", drip, "/drip?bytes=&ms=              byte by byte, so many milliseconds apart"},
    endpoint{"never", "", never, "/never                        no answer"},
    endpoint{"garbage", "", garbage, "/garbage                      an answer that is not HTTP"},
    endpoint{"keepalive-close", "", keepalive_close, "/keepalive-close              says keep-alive, then closes"},
    endpoint{"refuse", "", refuse, "/refuse                       HTTP/2: resets the stream with REFUSED_STREAM"},
    endpoint{"goaway", "", goaway, "/goaway                       HTTP/2: GOAWAY that leaves this request out"},
    endpoint{"flood", "", flood, "/flood?of=                    HTTP/2: ping, settings, data, reset or continuation"},
};

answer index() {
  std::string page = "fanout origin\n\n";
  for (const endpoint& each : endpoints) fmt::format_to(std::back_inserter(page), "{}\n", each.usage);
  return text_page(std::move(page));
}

/// The path and query of a target in origin form or in absolute form (RFC 9112 section 3.2).
std::string_view without_authority(std::string_view target) {
  if (target.starts_with('/')) return target;
  const auto scheme = target.find("://");
  if (scheme == target.npos) return target;
  const auto path = target.find_first_of("/?", scheme + 3);
  return path == target.npos ? "/" : target.substr(path);
}

answer dispatch(const request_type& request) {
  const auto whole = request.target();
  std::string_view path = without_authority({whole.data(), whole.size()});
  call with{request, {}, {}};
  if (const auto mark = path.find('?'); mark != path.npos) {
    with.query = path.substr(mark + 1);
    path = path.substr(0, mark);
  }
  if (path == "/" || path.empty()) return index();
  if (!path.starts_with('/')) return error_answer(400, fmt::format("'{}' is not a path", path));
  const std::string_view inside = path.substr(1);
  const auto slash = inside.find('/');
  const std::string_view name = inside.substr(0, slash);
  if (slash != inside.npos) with.argument = inside.substr(slash + 1);
  for (const endpoint& each : endpoints) {
    if (each.name != name) continue;
    if (each.argument.empty() && slash != inside.npos) break;
    if (!each.argument.empty() && slash == inside.npos)
      throw bad_argument(fmt::format("{} is missing: /{}/{}", each.argument, each.name, each.argument));
    return each.answer_to(with);
  }
  return error_answer(404, fmt::format("there is no {}; / lists what there is", path));
}

}  // namespace

answer error_answer(unsigned status, std::string_view why) {
  answer reply = text_page(fmt::format("{}\n", why));
  reply.status = status;
  return reply;
}

answer route(const request_type& request) {
  try {
    return dispatch(request);
  } catch (const bad_argument& bad) {
    return error_answer(400, bad.what());
  }
}

}  // namespace fanout::origin
