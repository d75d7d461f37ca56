#include "http/h2/h2_request.hpp"

#include <fanout/http/detail/text.hpp>

#include <algorithm>
#include <array>

namespace fanout::http {
namespace {

// RFC 9113 section 8.2.2. "TE: trailers" alone may be sent.
bool belongs_to_connection(std::string_view name, std::string_view value) {
  constexpr std::array<std::string_view, 5> names{"connection", "keep-alive", "proxy-connection", "upgrade",
                                                  "http2-settings"};
  if (equal_ignoring_case(name, "te")) return !equal_ignoring_case(trimmed(value), "trailers");
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view each) { return equal_ignoring_case(each, name); });
}

// What a table that others' requests share should not hold (RFC 7541 section 7.1.3).
bool is_secret(std::string_view name) {
  return name == "authorization" || name == "cookie" || name == "proxy-authorization";
}

nghttp2_nv uncopied(std::string_view name, std::string_view value) {
  // nghttp2 writes to neither.
  const auto bytes = [](std::string_view of) { return reinterpret_cast<std::uint8_t*>(const_cast<char*>(of.data())); };
  return {bytes(name), bytes(value), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

}  // namespace

/// Only what the URL says is copied.
void h2_request::prepare_plain(const request& what, std::string_view user_agent, bool decodes, std::string_view host) {
  const std::string_view path = what.url.target();
  text_.reserve(host.size() + path.size());
  text_.append(host).append(path);
  const std::string_view text = text_;
  fields_.reserve(8);
  fields_.push_back(uncopied(":method", what.method == "GET" ? "GET" : "HEAD"));
  fields_.push_back(uncopied(":scheme", what.url.secure() ? "https" : "http"));
  fields_.push_back(uncopied(":authority", text.substr(0, host.size())));
  fields_.push_back(uncopied(":path", text.substr(host.size())));
  fields_.push_back(uncopied("user-agent", user_agent));
  fields_.push_back(uncopied("accept", "*/*"));
  if (decodes) fields_.push_back(uncopied("accept-encoding", accepted_codings));
}

void h2_request::add(std::string_view name, std::string_view value) {
  const std::size_t at = text_.size();
  text_.append(name);
  for (std::size_t i = at; i < text_.size(); ++i) text_[i] = lower(text_[i]);
  extents_.push_back({name.size(), value.size(), is_secret(std::string_view(text_).substr(at))});
  text_.append(value);
}

void h2_request::prepare(const request& what, std::string_view user_agent, bool decodes,
                         const body_announcement& body) {
  check_request(what);
  text_.clear();
  extents_.clear();
  fields_.clear();
  std::string without_zone;
  std::string_view host = host_of(what, without_zone);
  if (is_plain_request(what, body)) return prepare_plain(what, user_agent, decodes, host);
  const std::string_view given_host = what.headers.empty() ? std::string_view{} : what.headers["host"];
  if (!given_host.empty()) host = given_host;
  add(":method", what.method);
  add(":scheme", what.url.secure() ? "https" : "http");
  add(":authority", host);
  add(":path", what.url.target());
  add_request_fields(what, user_agent, decodes, body, [this](std::string_view name, std::string_view value) {
    if (!equal_ignoring_case(name, "host") && !belongs_to_connection(name, value)) add(name, trimmed(value));
  });
  if (body.any && body.expect_continue) add("expect", "100-continue");

  auto* at = reinterpret_cast<std::uint8_t*>(text_.data());
  for (const extent& each : extents_) {
    const int flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE |
                      (each.secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
    fields_.push_back({at, at + each.name_size, each.name_size, each.value_size, static_cast<std::uint8_t>(flags)});
    at += each.name_size + each.value_size;
  }
}

}  // namespace fanout::http
