#include "http/message/request_fields.hpp"

#include <fanout/base/failure.hpp>

#include <fmt/format.h>

#include <utility>

namespace fanout::http {
namespace {

[[noreturn]] void refuse_field(const std::string& why) {
  throw error(failure_kind::invalid_request, why);
}

}  // namespace

bool is_plain_request(const request& what, const body_announcement& body) noexcept {
  return what.headers.empty() && what.without.empty() && !body.any && what.url.userinfo().empty() &&
         (what.method == "GET" || what.method == "HEAD");
}

void check_request(const request& what) {
  if (what.url.empty()) refuse_field("the request has no URL");
  if (!is_token(what.method)) refuse_field(fmt::format("'{}' is not a request method", printable(what.method)));
  // Its target would be a host, and its answer the end of HTTP on the connection (RFC 9110 section 9.3.6).
  if (what.method == "CONNECT")
    refuse_field("CONNECT is for proxies, and the client's to send (client_options::proxy)");
}

void note_given(headers::field each, const body_announcement& body, given_fields& given) {
  if (!is_token(each.name)) refuse_field(fmt::format("'{}' is not a header name", printable(each.name)));
  for (const char c : each.value)
    if (is_control(c) && c != '\t')
      refuse_field(
          fmt::format("the value of header {} contains a control character: '{}'", each.name, printable(each.value)));
  if (equal_ignoring_case(each.name, "host")) {
    if (std::exchange(given.host, true)) refuse_field("there are two Host headers");
  } else if (equal_ignoring_case(each.name, "user-agent")) {
    given.user_agent = true;
  } else if (equal_ignoring_case(each.name, "accept")) {
    given.accept = true;
  } else if (equal_ignoring_case(each.name, "accept-encoding")) {
    given.accept_encoding = true;
  } else if (equal_ignoring_case(each.name, "range")) {
    given.range = true;
  } else if (equal_ignoring_case(each.name, "authorization")) {
    given.authorization = true;
  } else if (equal_ignoring_case(each.name, "content-length")) {
    if (std::exchange(given.content_length, true)) refuse_field("there are two Content-Length headers");
    if (body.any && !body.length) refuse_field("the header Content-Length contradicts a body of unknown length");
    if (each.value != std::to_string(body.length.value_or(0)))
      refuse_field(fmt::format("the header Content-Length: {} contradicts the body of {} bytes", printable(each.value),
                               body.length.value_or(0)));
  } else if (equal_ignoring_case(each.name, "transfer-encoding")) {
    refuse_field("the header Transfer-Encoding is the client's to set, as the body's length is known or not");
  } else if (equal_ignoring_case(each.name, "expect")) {
    refuse_field("the header Expect is the client's to set (request::expect_continue)");
  }
}

void note_left_out(std::string_view name, given_fields& given) {
  given.user_agent |= equal_ignoring_case(name, "user-agent");
  given.accept |= equal_ignoring_case(name, "accept");
  given.accept_encoding |= equal_ignoring_case(name, "accept-encoding");
  given.authorization |= equal_ignoring_case(name, "authorization");
}

std::string_view host_of(const request& what, std::string& text) {
  if (what.url.zone().empty()) return what.url.authority();
  text = what.url.host_header();
  return text;
}

bool is_idempotent(std::string_view method) noexcept {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" || method == "OPTIONS" ||
         method == "TRACE";
}

}  // namespace fanout::http
