#include "http/h1/request_head.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/http/detail/text.hpp>

#include "http/body/content_coding.hpp"

#include <fmt/format.h>

#include <utility>

namespace fanout::http {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw error(failure_kind::invalid_request, why);
}

void check_field(const headers::field& each) {
  if (!is_token(each.name)) refuse(fmt::format("'{}' is not a header name", printable(each.name)));
  for (const char c : each.value)
    if (is_control(c) && c != '\t')
      refuse(
          fmt::format("the value of header {} contains a control character: '{}'", each.name, printable(each.value)));
}

void add_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

// What the request's own fields replace among those the client adds.
struct given_fields {
  bool host = false;  // twice would be two readings of whose request it is (RFC 9112 section 3.2)
  bool user_agent = false;
  bool accept = false;
  bool accept_encoding = false;
  bool range = false;
  bool authorization = false;
  bool content_length = false;
};

void leave_out(std::string_view name, given_fields& given) {
  given.user_agent |= equal_ignoring_case(name, "user-agent");
  given.accept |= equal_ignoring_case(name, "accept");
  given.accept_encoding |= equal_ignoring_case(name, "accept-encoding");
  given.authorization |= equal_ignoring_case(name, "authorization");
}

given_fields add_given(std::string& out, const request& what, const body_announcement& body) {
  given_fields given;
  for (const auto each : what.headers) {
    check_field(each);
    if (equal_ignoring_case(each.name, "host")) {
      if (std::exchange(given.host, true)) refuse("there are two Host headers");
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
      if (std::exchange(given.content_length, true)) refuse("there are two Content-Length headers");
      if (body.any && !body.length) refuse("the header Content-Length contradicts a body of unknown length");
      if (each.value != std::to_string(body.length.value_or(0)))
        refuse(fmt::format("the header Content-Length: {} contradicts the body of {} bytes", printable(each.value),
                           body.length.value_or(0)));
    } else if (equal_ignoring_case(each.name, "transfer-encoding")) {
      refuse("the header Transfer-Encoding is the client's to set, as the body's length is known or not");
    } else if (equal_ignoring_case(each.name, "expect")) {
      refuse("the header Expect is the client's to set (request::expect_continue)");
    }
    add_field(out, each.name, each.value);
  }
  return given;
}

}  // namespace

void write_head(std::string& out, const request& what, std::string_view user_agent, bool decodes,
                const body_announcement& body) {
  if (what.url.empty()) refuse("the request has no URL");
  const std::string_view method = what.method;  // which compares its size first
  if (!is_token(method)) refuse(fmt::format("'{}' is not a request method", printable(method)));
  // Its target would be a host, and its answer the end of HTTP on the connection (RFC 9110 section 9.3.6).
  if (method == "CONNECT") refuse("CONNECT is for proxies, and the client's to send (client_options::proxy)");
  // The URL was freed of controls and spaces when it was parsed.
  out.append(method).append(" ").append(what.url.target()).append(" HTTP/1.1\r\n");
  const std::size_t host_at = out.size();
  const std::string without_zone = what.url.zone().empty() ? std::string{} : what.url.host_header();
  const std::string_view host = without_zone.empty() ? what.url.authority() : without_zone;
  given_fields given;
  if (what.headers.empty()) {
    add_field(out, "Host", host);
  } else {
    given = add_given(out, what, body);
    if (!given.host) out.insert(host_at, fmt::format("Host: {}\r\n", host));
  }
  for (const std::string& name : what.without) leave_out(name, given);
  if (!given.user_agent) add_field(out, "User-Agent", user_agent);
  if (!given.accept) add_field(out, "Accept", "*/*");
  // A range of a coded body is a range of its coded bytes, which is hardly ever meant.
  if (decodes && !given.accept_encoding && !given.range) add_field(out, "Accept-Encoding", accepted_codings);
  if (!given.authorization && !what.url.userinfo().empty())
    add_field(out, "Authorization", "Basic " + base64(what.url.userinfo()));
  const bool always_says = method == "POST" || method == "PUT" || method == "PATCH";
  if (body.any && !body.length)
    add_field(out, "Transfer-Encoding", "chunked");
  else if ((body.any || always_says) && !given.content_length)
    add_field(out, "Content-Length", std::to_string(body.length.value_or(0)));
  if (body.any && body.expect_continue) add_field(out, "Expect", "100-continue");
  out.append("\r\n");
}

bool is_idempotent(std::string_view method) noexcept {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" || method == "OPTIONS" ||
         method == "TRACE";
}

}  // namespace fanout::http
