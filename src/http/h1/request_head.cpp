#include "http/h1/request_head.hpp"

#include <fmt/format.h>

namespace fanout::http {
namespace {

void add_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

void write_head(std::string& out, const request& what, std::string_view user_agent, bool decodes,
                const body_announcement& body) {
  check_request(what);
  // The URL was freed of controls and spaces when it was parsed.
  out.append(what.method).append(" ").append(what.url.target()).append(" HTTP/1.1\r\n");
  const std::size_t host_at = out.size();
  std::string without_zone;
  const std::string_view host = host_of(what, without_zone);
  if (what.headers.empty()) add_field(out, "Host", host);
  const given_fields given =
      add_request_fields(what, user_agent, decodes, body,
                         [&out](std::string_view name, std::string_view value) { add_field(out, name, value); });
  if (!what.headers.empty() && !given.host) out.insert(host_at, fmt::format("Host: {}\r\n", host));
  if (body.any && !body.length) add_field(out, "Transfer-Encoding", "chunked");
  if (body.any && body.expect_continue) add_field(out, "Expect", "100-continue");
  out.append("\r\n");
}

}  // namespace fanout::http
