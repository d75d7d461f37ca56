#include "http/h1/response_parser.hpp"

#include <fanout/base/detail/byte_scan.hpp>
#include <fanout/base/failure.hpp>
#include <fanout/http/detail/text.hpp>

#include "http/message/blank_message.hpp"
#include "http/message/location.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

namespace fanout::http {
namespace {

// Servers send one or two interim responses (100, 103); an endless row of them is an attack.
constexpr int most_interim = 16;
// Of a body that nobody wants. To read more would cost more than another connection does.
constexpr std::uint64_t most_unwanted = 64 * 1024;

// What the bytes of a header may be (RFC 9110 sections 5.5 and 5.6.2).
enum : unsigned char { in_name = 1, in_value = 2 };
constexpr auto byte_classes = [] {
  std::array<unsigned char, 256> classes{};
  for (int i = 0; i < 256; ++i) {
    const auto c = static_cast<char>(i);
    classes[static_cast<std::size_t>(i)] =
        static_cast<unsigned char>((is_token_char(c) ? in_name : 0) | (!is_control(c) || c == '\t' ? in_value : 0));
  }
  return classes;
}();

bool is_all(std::string_view text, unsigned char kind) noexcept {
  unsigned char common = kind;
  for (const char c : text) common &= byte_classes[static_cast<unsigned char>(c)];
  return common != 0;
}

/// The same of a value. A tab among eight bytes is odd, and allowed.
bool is_value(std::string_view text) noexcept {
  const auto is_odd = [](std::uint64_t word) { return detail::any_below(word, 0x20) | detail::any_equal(word, 0x7f); };
  return (text.size() >= 8 && !detail::any_eight(text, is_odd)) || is_all(text, in_value);
}

/// Whether a token has these letters and hyphens: `expected` is in lower case. A bit makes letters lower case, and
/// turns no other byte of a token (RFC 9110 section 5.6.2) into a letter or a hyphen.
bool is_named(std::string_view token, std::string_view expected) noexcept {
  constexpr std::uint64_t lower_case = 0x20 * detail::each_byte_1;
  if (token.size() != expected.size()) return false;
  std::size_t i = 0;
  for (; i + 8 <= token.size(); i += 8) {
    std::uint64_t left = 0, right = 0;
    std::memcpy(&left, token.data() + i, 8);
    std::memcpy(&right, expected.data() + i, 8);
    if ((left | lower_case) != right) return false;
  }
  for (; i < token.size(); ++i)
    if ((token[i] | 0x20) != expected[i]) return false;
  return true;
}

constexpr bool is_space(char c) noexcept {
  return c == ' ' || c == '\t';
}

}  // namespace

response_parser::response_parser(const client_options& options, bool head_request, bool keep_body, response& into)
    : options_(options), result_(into), body_(options, keep_body, into.body), head_request_(head_request) {
  make_blank(into);
}

bool response_parser::fail(parse_error what, const char* why) noexcept {
  if (forgo_body()) return false;
  error_ = what;
  why_ = why;
  state_ = state::broken;
  return false;
}

bool response_parser::forgo_body() noexcept {
  if (!unwanted_) return false;
  no_reuse_ = no_reuse_ || !complete();
  result_.body_cut = result_.body_cut || !complete();
  state_ = state::complete;
  return true;
}

response_parser::progress response_parser::put(std::string_view bytes) {
  std::size_t used = 0;
  if (!bytes.empty()) got_some_ = true;
  while (used < bytes.size() && state_ < state::complete) {
    std::string_view rest = bytes.substr(used);
    if (state_ == state::body_of_length || state_ == state::chunk_data) {
      rest = rest.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(rest.size(), left_)));
      used += rest.size();
      left_ -= rest.size();
      if (!store_body(rest)) break;
      if (left_ > 0) continue;
      if (state_ == state::chunk_data)
        state_ = state::chunk_end;
      else if (!end_body())
        break;
      continue;
    }
    if (state_ == state::body_until_close) {
      used = bytes.size();
      store_body(rest);
      break;
    }
    const auto* const end = static_cast<const char*>(std::memchr(rest.data() + scanned_, '\n', rest.size() - scanned_));
    if (!end) {
      scanned_ = rest.size();
      if (rest.size() > options_.max_header_bytes)
        fail(state_ >= state::chunk_size && state_ != state::trailers ? parse_error::chunk_limit
                                                                      : parse_error::header_limit);
      break;
    }
    scanned_ = 0;
    const auto length = static_cast<std::size_t>(end - rest.data());
    used += length + 1;
    if (length == 0 || rest[length - 1] != '\r') {
      if (!read_bare_line(rest.substr(0, length))) break;
    } else if (!read_line(rest.substr(0, length - 1))) {
      break;
    }
  }
  lines_.end();
  return {used, state_ == state::broken};
}

// A reader that takes a bare LF for an end of line and one that does not see different messages: a field that somebody
// put into another one's value, a chunk within a chunk. So a line ends as the status line did. A header that uses LF
// all through, as small servers and scripts write it, is the same to both, and after it the connection is not used
// again.
bool response_parser::read_bare_line(std::string_view line) {
  const bool first = state_ == state::status_line;
  if (!first && (!bare_lines_ || state_ != state::fields))
    return fail(parse_error::malformed, "a line that does not end in CR LF (RFC 9112 section 2.2)");
  if (!read_line(line)) return false;
  if (first) bare_lines_ = no_reuse_ = true;
  return true;
}

bool response_parser::read_line(std::string_view line) {
  switch (state_) {
    case state::status_line:
      return read_status_line(line);
    case state::fields:
      return line.empty() ? end_header() : read_field(line);
    case state::chunk_size:
      return read_chunk_size(line);
    case state::chunk_end:
      if (!line.empty()) return fail(parse_error::malformed, "a chunk longer than its size (RFC 9112 section 7.1)");
      state_ = state::chunk_size;
      return true;
    default:  // trailers
      return line.empty() ? end_body() : read_field(line);
  }
}

// "HTTP/1.1 200 OK". Servers that leave the reason out leave out the space before it, too, although they should not.
bool response_parser::read_status_line(std::string_view line) {
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || line[8] != ' ' || (line.size() > 12 && line[12] != ' ') ||
      !is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11]))
    return fail(parse_error::malformed, "no status line of HTTP/1.1 (RFC 9112 section 4)");
  if (line[7] != '0' && line[7] != '1')
    return fail(parse_error::malformed, "a version other than 1.0 and 1.1 (RFC 9112 section 2.3)");
  const auto reason = line.size() > 13 ? line.substr(13) : std::string_view{};
  if (!is_value(reason)) return fail(parse_error::malformed, "a control character (RFC 9112 section 4)");
  result_.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  if (result_.status < 100) return fail(parse_error::malformed, "a status below 100 (RFC 9110 section 15)");
  old_version_ = line[7] == '0';
  result_.version = old_version_ ? http_version::v1_0 : http_version::v1_1;
  bare_lines_ = false;
  if (result_.reason != reason) result_.reason = reason;  // mostly that of the response before
  result_.headers.clear();
  result_.headers.reserve(12, 320);
  state_ = state::fields;
  return true;
}

bool response_parser::read_field(std::string_view line) {
  std::size_t colon = 0;
  while (colon < line.size() && (byte_classes[static_cast<unsigned char>(line[colon])] & in_name) != 0) ++colon;
  if (colon == 0 || colon == line.size() || line[colon] != ':') return refuse_field(line);
  const auto name = line.substr(0, colon);
  const auto value = trimmed(line.substr(colon + 1));
  if (!is_value(value)) return fail(parse_error::malformed, "a control character in a header (RFC 9110 section 5.5)");
  // Trailer fields are kept apart: merged into the header they could pass for the server's own framing or policy
  // (RFC 9110 section 6.5.1).
  auto& fields = state_ == state::trailers ? result_.trailers : result_.headers;
  lines_.add(fields, name, value);
  if (fields.bytes() > options_.max_header_bytes || fields.size() > options_.max_header_count)
    return fail(parse_error::header_limit);
  if (state_ != state::trailers) {
    read_framing_field(name, value);
    return true;
  }
  if (equal_ignoring_case(name, "content-length") || equal_ignoring_case(name, "transfer-encoding"))
    return fail(parse_error::malformed, "a length in the trailer (RFC 9110 section 6.5.1)");
  return true;
}

// A line that does not begin with a name and a colon: it goes on with the one before, or is none.
bool response_parser::refuse_field(std::string_view line) {
  if (is_space(line.front())) return read_folded(line);
  const auto name = line.substr(0, line.find(':'));
  if (name.size() == line.size())
    return fail(parse_error::malformed, "a header line without a colon (RFC 9112 section 5)");
  return fail(parse_error::malformed, !name.empty() && is_space(name.back())
                                          ? "a space between a header's name and its colon (RFC 9112 section 5.1)"
                                          : "a header name that is not a token (RFC 9110 section 5.6.2)");
}

// Blanks instead of the fold, as a user agent must (RFC 9112 section 5.2). Other readers take the first line for the
// whole field, or the second for a field of its own, so a folded length is refused.
bool response_parser::read_folded(std::string_view line) {
  lines_.end();
  auto& fields = state_ == state::trailers ? result_.trailers : result_.headers;
  if (fields.empty())
    return fail(parse_error::malformed, "a folded line before the first field (RFC 9112 section 2.2)");
  const auto name = fields.at(fields.size() - 1).name;
  if (equal_ignoring_case(name, "content-length") || equal_ignoring_case(name, "transfer-encoding"))
    return fail(parse_error::malformed, "a folded length (RFC 9112 section 5.2)");
  const auto more = trimmed(line);
  if (!is_all(more, in_value))
    return fail(parse_error::malformed, "a control character in a header (RFC 9110 section 5.5)");
  no_reuse_ = no_reuse_ || equal_ignoring_case(name, "connection");
  fields.continue_last(more);
  return fields.bytes() <= options_.max_header_bytes || fail(parse_error::header_limit);
}

void response_parser::read_framing_field(std::string_view name, std::string_view value) {
  switch (name.size()) {
    case 10:
      if (!is_named(name, "connection")) break;
      if (value == "keep-alive")
        says_keep_alive_ = true;
      else
        read_connection(value);
      break;
    case 14:
      if (is_named(name, "content-length")) read_content_length(value);
      break;
    case 16:
      names_coding_ = names_coding_ || is_named(name, "content-encoding");
      break;
    case 17:
      if (is_named(name, "transfer-encoding")) read_transfer_coding(value);
      break;
    default:
      break;
  }
}

// Equal lengths, in one field or several, are one length (RFC 9110 section 8.6).
void response_parser::read_content_length(std::string_view value) {
  for (;;) {
    const std::size_t comma = value.find(',');
    const auto digits = trimmed(value.substr(0, comma));
    std::uint64_t length = 0;
    for (const char c : digits) {
      if (!is_digit(c) || length > (std::numeric_limits<std::uint64_t>::max() - 9) / 10) {
        framing_error_ = "a Content-Length that is no number (RFC 9110 section 8.6)";
        return;
      }
      length = length * 10 + static_cast<std::uint64_t>(c - '0');
    }
    if (digits.empty())
      framing_error_ = "an empty Content-Length (RFC 9110 section 8.6)";
    else if (has_length_ && length != expected_bytes_)
      framing_error_ = "more than one Content-Length (RFC 9112 section 6.3)";
    has_length_ = true;
    expected_bytes_ = length;
    if (comma == value.npos) return;
    value.remove_prefix(comma + 1);
  }
}

// "identity" was a name for none (RFC 2616 section 3.6). We ask for no coding but chunked, so no other may be applied
// besides (RFC 9112 section 7.4): what we cannot undo is not handed over as if it were the body.
void response_parser::read_transfer_coding(std::string_view value) {
  if (value.empty()) framing_error_ = "an empty Transfer-Encoding (RFC 9112 section 6.1)";
  while (!value.empty()) {
    const auto coding = trimmed(value.substr(0, value.find(',')));
    value.remove_prefix(std::min(value.size(), value.substr(0, value.find(',')).size() + 1));
    if (equal_ignoring_case(coding, "chunked")) {
      if (chunked_) framing_error_ = "two transfer codings (RFC 9112 section 6.1)";
      chunked_ = true;
    } else {
      // What is applied to chunks hides where they end.
      no_reuse_ = true;
      if (equal_ignoring_case(coding, "identity") && !chunked_) continue;
      if (!has_other_coding_) other_coding_ = coding;
      has_other_coding_ = true;
    }
  }
}

void response_parser::read_connection(std::string_view value) {
  while (!value.empty()) {
    const auto option = trimmed(value.substr(0, value.find(',')));
    value.remove_prefix(std::min(value.size(), value.find(',') == value.npos ? value.size() : value.find(',') + 1));
    if (equal_ignoring_case(option, "close")) says_close_ = true;
    if (equal_ignoring_case(option, "keep-alive")) says_keep_alive_ = true;
  }
}

bool response_parser::end_header() {
  lines_.end();
  if (result_.status < 200) return end_interim();
  if (!begin_body() && !complete()) return false;
  header_done_ = true;
  return true;
}

// The length of the message's body (RFC 9112 section 6.3).
bool response_parser::begin_body() {
  const int status = result_.status;
  if (head_request_ || status == 204 || status == 304) {
    // The header may say how long the body of an answer to GET would be, but not of a 204.
    no_reuse_ = no_reuse_ || framing_error_ || (chunked_ && has_length_) ||
                (status == 204 && (chunked_ || (has_length_ && expected_bytes_ != 0)));
    state_ = state::complete;
    return true;
  }
  unwanted_ = status >= 300 && status < 400 && options_.max_redirects > 0 && !redirect_place(result_).empty();
  if (framing_error_) return fail(parse_error::malformed, framing_error_);
  if (has_other_coding_) return fail(parse_error::transfer_coding);
  if (chunked_ && has_length_)
    return fail(parse_error::malformed, "both Content-Length and Transfer-Encoding (RFC 9112 section 6.3)");
  if (chunked_ && old_version_)
    return fail(parse_error::malformed, "a transfer coding in a message of HTTP/1.0 (RFC 9112 section 6.1)");
  if (unwanted_) return begin_unwanted_body();
  if (chunked_) {
    state_ = state::chunk_size;
  } else if (has_length_) {
    if (!body_.announce(expected_bytes_)) return fail(parse_error::body);
    length_known_ = true;
    left_ = expected_bytes_;
    state_ = left_ == 0 ? state::complete : state::body_of_length;
  } else {
    state_ = state::body_until_close;
  }
  if (!names_coding_ || state_ == state::complete) return true;
  return body_.begin_decoding(result_.headers, status) || fail(parse_error::body);
}

// Of what an interim response says only that it came counts: it has no body, whatever its header announces.
bool response_parser::end_interim() {
  if (result_.status == 101) return fail(parse_error::switched);
  continued_ = continued_ || result_.status == 100;
  if (++interim_ > most_interim) return fail(parse_error::interim_limit);
  no_reuse_ = no_reuse_ || chunked_ || framing_error_ || (has_length_ && expected_bytes_ != 0);
  has_length_ = chunked_ = has_other_coding_ = says_close_ = says_keep_alive_ = names_coding_ = false;
  framing_error_ = nullptr;
  state_ = state::status_line;
  return true;
}

// It is read only as far as the connection is worth it.
bool response_parser::begin_unwanted_body() {
  body_.begin_unwanted(most_unwanted);
  if (!chunked_ && has_length_) {
    length_known_ = true;
    left_ = expected_bytes_;
    state_ = left_ == 0 ? state::complete : state::body_of_length;
  } else {
    state_ = chunked_ ? state::chunk_size : state::body_until_close;
  }
  if (state_ == state::body_until_close || !keep_alive() || body_.is_too_large(left_)) forgo_body();
  return true;
}

// "1a2b;extension". Extensions are read past, as nobody uses them, but not without end. Servers that write sizes into a
// field of fixed width put blanks behind them.
bool response_parser::read_chunk_size(std::string_view line) {
  std::uint64_t size = 0;
  std::size_t digits = 0;
  for (; digits < line.size(); ++digits) {
    const char c = lower(line[digits]);
    const int digit = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) break;
    if (size >> 60 != 0) return fail(parse_error::malformed, "a chunk size out of range (RFC 9112 section 7.1)");
    size = size << 4 | static_cast<std::uint64_t>(digit);
  }
  const auto extension = line.substr(digits);
  const auto named = trimmed(extension);
  if (digits == 0 || !(named.empty() || named.starts_with(';')))
    return fail(parse_error::malformed, "a chunk size that is no number (RFC 9112 section 7.1)");
  if (!is_all(extension, in_value))
    return fail(parse_error::malformed, "a control character in a chunk's extension (RFC 9112 section 7.1.1)");
  metadata_bytes_ += extension.size();
  if (metadata_bytes_ > options_.max_header_bytes) return fail(parse_error::chunk_limit);
  if (body_.is_too_large(size)) return fail(parse_error::body);
  left_ = size;
  state_ = size == 0 ? state::trailers : state::chunk_data;
  return true;
}

bool response_parser::decode_more() {
  if (!body_.decode_more()) return fail(parse_error::body);
  return state_ != state::complete || end_body();
}

void response_parser::conclude() noexcept {
  result_.body_bytes = body_.bytes();
  result_.coded_bytes = body_.coded_bytes();
}

response response_parser::take_head() {
  return take_head_of(result_);
}

bool response_parser::end_body() {
  if (!body_.end()) return fail(parse_error::body);
  state_ = state::complete;
  return true;
}

bool response_parser::put_end() {
  if (state_ != state::body_until_close) return forgo_body();
  ended_by_close_ = true;
  return end_body();
}

bool response_parser::keep_alive() const noexcept {
  return !ended_by_close_ && !says_close_ && !no_reuse_ && (!old_version_ || says_keep_alive_);
}

std::string response_parser::how_far() const {
  if (!got_some_) return "before the first byte of the response";
  if (!header_done()) return "in the middle of the response's header";
  if (length_known_) return fmt::format("after {} of {} bytes of the body", body_.coded_bytes(), expected_bytes_);
  return fmt::format("after {} bytes of a body of unknown length", body_.coded_bytes());
}

void response_parser::raise(const std::string& from) const {
  switch (error_) {
    case parse_error::header_limit:
      throw error(failure_kind::too_large,
                  fmt::format("the response header from {} is over the limit of {} bytes or {} fields", from,
                              options_.max_header_bytes, options_.max_header_count));
    case parse_error::body:
      body_.raise(from);
    case parse_error::chunk_limit:
      throw error(failure_kind::too_large, fmt::format("the chunk extensions from {} are over the limit of {} bytes",
                                                       from, options_.max_header_bytes));
    case parse_error::transfer_coding:
      throw error(
          failure_kind::protocol,
          fmt::format("{} sent a body in an unsupported coding: the transfer coding '{}' (RFC 9112 section 6.1)", from,
                      printable(other_coding_)));
    case parse_error::switched:
      throw error(failure_kind::protocol, fmt::format("{} switched protocols (status 101) unasked", from));
    case parse_error::interim_limit:
      throw error(failure_kind::protocol,
                  fmt::format("{} sent more than {} interim (1xx) responses", from, most_interim));
    default:
      throw error(failure_kind::protocol,
                  fmt::format("{} sent a malformed HTTP response: {}", from, why_ ? why_ : "unreadable"));
  }
}

}  // namespace fanout::http
