#include "http/h2/h2_response.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/http/detail/text.hpp>

#include "http/message/blank_message.hpp"
#include "http/message/location.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

namespace fanout::http {
namespace {

// As for HTTP/1.1 (response_parser.cpp).
constexpr int most_interim_responses = 16;
constexpr std::uint64_t most_of_unwanted_body = 64 * 1024;

}  // namespace

h2_response::h2_response(const client_options& options, bool head_request, bool keep_body, response& into)
    : options_(options), result_(into), body_(options, keep_body, into.body), head_request_(head_request) {
  make_blank(into);
  into.version = http_version::v2;
  into.reason.clear();
}

bool h2_response::fail(fault what) noexcept {
  if (forgo_body()) return false;
  if (state_ != state::broken) fault_ = what;
  state_ = state::broken;
  return false;
}

bool h2_response::forgo_body() noexcept {
  if (!unwanted_) return false;
  result_.body_cut = result_.body_cut || !complete();
  state_ = state::complete;
  return true;
}

void h2_response::begin_fields() {
  got_some_ = true;
  if (state_ == state::body) {
    state_ = state::trailers;
  } else if (state_ == state::header) {
    result_.status = 0;
    result_.headers.clear();
    result_.headers.reserve(12, 320);
    length_known_ = names_coding_ = false;
  }
}

bool h2_response::field(std::string_view name, std::string_view value) {
  if (state_ == state::complete) return true;
  if (state_ == state::broken) return false;
  auto& fields = state_ == state::trailers ? result_.trailers : result_.headers;
  if (name.starts_with(':')) {  // nghttp2 lets nothing through but one :status, and that first
    if (state_ == state::header && name == ":status" && value.size() == 3)
      result_.status = (value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0');
    return true;
  }
  value = trimmed(value);
  fields.add(name, value);
  if (fields.bytes() > options_.max_header_bytes || fields.size() > options_.max_header_count)
    return fail(fault::header_limit);
  if (state_ == state::trailers) return true;
  if (name == "content-length")
    length_known_ = std::from_chars(value.data(), value.data() + value.size(), expected_bytes_).ec == std::errc{};
  else if (name == "content-encoding")
    names_coding_ = true;
  return true;
}

bool h2_response::end_fields() {
  if (state_ == state::broken) return false;
  if (state_ != state::header) return true;
  if (result_.status < 100) return fail(fault::no_status);
  if (result_.status < 200) {
    if (result_.status == 101) return fail(fault::switched);
    continued_ = continued_ || result_.status == 100;
    return ++interim_ <= most_interim_responses || fail(fault::interim_limit);
  }
  const bool fine = begin_body();
  header_done_ = state_ != state::broken;
  return fine;
}

bool h2_response::begin_body() {
  const int status = result_.status;
  state_ = state::body;
  if (head_request_ || status == 204 || status == 304) {
    length_known_ = false;
    return true;
  }
  unwanted_ = status >= 300 && status < 400 && options_.max_redirects > 0 && !redirect_place(result_).empty();
  if (unwanted_) {
    // One that does not say how long it is may not end for a long time; giving it up costs one frame.
    if (!length_known_) return !forgo_body();
    body_.begin_unwanted(most_of_unwanted_body);
    return !length_known_ || !body_.is_too_large(expected_bytes_) || fail(fault::body);
  }
  if (length_known_ && !body_.announce(expected_bytes_)) return fail(fault::body);
  return !names_coding_ || body_.begin_decoding(result_.headers, status) || fail(fault::body);
}

bool h2_response::data(std::string_view bytes) {
  if (state_ != state::body) return state_ == state::complete;
  return body_.store(bytes) || fail(fault::body);
}

bool h2_response::end() {
  if (state_ == state::broken || state_ == state::complete) return complete();
  if (state_ == state::header) return fail(fault::no_status);  // an interim response that ends the stream
  if (!body_.end()) return fail(fault::body);
  state_ = state::complete;
  return true;
}

bool h2_response::decode_more() {
  if (!body_.decode_more()) return fail(fault::body);
  return !complete() || body_.end() || fail(fault::body);
}

void h2_response::conclude() noexcept {
  result_.body_bytes = body_.bytes();
  result_.coded_bytes = body_.coded_bytes();
}

response h2_response::take_head() {
  return take_head_of(result_);
}

std::string h2_response::how_far() const {
  if (!got_some_) return "before the first byte of the response";
  if (!header_done()) return "in the middle of the response's header";
  if (length_known_) return fmt::format("after {} of {} bytes of the body", body_.coded_bytes(), expected_bytes_);
  return fmt::format("after {} bytes of a body of unknown length", body_.coded_bytes());
}

void h2_response::raise(const std::string& from) const {
  switch (fault_) {
    case fault::header_limit:
      throw error(failure_kind::too_large,
                  fmt::format("the response header from {} is over the limit of {} bytes or {} fields", from,
                              options_.max_header_bytes, options_.max_header_count));
    case fault::body:
      body_.raise(from);
    case fault::switched:
      throw error(failure_kind::protocol,
                  fmt::format("{} switched protocols (status 101), which HTTP/2 has not (RFC 9113 section 8.6)", from));
    case fault::interim_limit:
      throw error(failure_kind::protocol,
                  fmt::format("{} sent more than {} interim (1xx) responses", from, most_interim_responses));
    default:
      throw error(failure_kind::protocol,
                  fmt::format("{} sent a malformed HTTP/2 response: no status (RFC 9113 section 8.3.2)", from));
  }
}

}  // namespace fanout::http
