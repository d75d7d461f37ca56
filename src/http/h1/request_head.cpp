#include "http/h1/request_head.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace fanout::http {
namespace {

void add_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

/// As below, of a plain request: room is made once.
void write_plain_head(std::string& out, const request& what, std::string_view user_agent, bool decodes) {
  std::string without_zone;
  const std::string_view parts[] = {what.method,
                                    " ",
                                    what.url.target(),
                                    " HTTP/1.1\r\nHost: ",
                                    host_of(what, without_zone),
                                    "\r\nUser-Agent: ",
                                    user_agent,
                                    decodes ? "\r\nAccept: */*\r\nAccept-Encoding: " : "\r\nAccept: */*",
                                    decodes ? std::string_view(accepted_codings) : std::string_view(),
                                    "\r\n\r\n"};
  std::size_t size = 0;
  for (const std::string_view each : parts) size += each.size();
  const std::size_t at = out.size();
  out.resize(at + size);
  char* to = out.data() + at;
  for (const std::string_view each : parts) to = std::copy(each.begin(), each.end(), to);
}

}  // namespace

void write_head(std::string& out, const request& what, std::string_view user_agent, bool decodes,
                const body_announcement& body) {
  check_request(what);
  if (is_plain_request(what, body)) return write_plain_head(out, what, user_agent, decodes);
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
