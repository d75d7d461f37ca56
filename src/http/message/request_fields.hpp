#pragma once

#include <fanout/http/detail/text.hpp>
#include <fanout/http/request.hpp>

#include "http/message/content_coding.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// \file
/// The header fields that a request has in every version of HTTP.
namespace fanout::http {

/// How the body that follows a header is announced.
struct body_announcement {
  bool any = false;                     ///< there is one
  std::optional<std::uint64_t> length;  ///< of it, if known
  bool expect_continue = false;
};

/// What the request's own fields replace among those the client adds.
struct given_fields {
  bool host = false;  // twice would be two readings of whose request it is (RFC 9112 section 3.2)
  bool user_agent = false;
  bool accept = false;
  bool accept_encoding = false;
  bool range = false;
  bool authorization = false;
  bool content_length = false;
};

/// Whether it is one that nearly all are: GET or HEAD, without a body, with no fields but those the client adds:
/// User-Agent, Accept and Accept-Encoding.
bool is_plain_request(const request& what, const body_announcement& body) noexcept;
/// Throws a `fanout::error` of kind `invalid_request` when the method or the URL must not be sent.
void check_request(const request& what);
/// Notes a field of the request itself. Throws a `fanout::error` of kind `invalid_request` when it must not be sent
/// (RFC 9112 section 11.1: a control character would let the caller's data pass for a second request).
void note_given(headers::field each, const body_announcement& body, given_fields& given);
/// Notes what the request wants left out.
void note_left_out(std::string_view name, given_fields& given);
/// The host that the request names, for Host or `:authority`, unless one of its own fields does. It may lie in `text`.
std::string_view host_of(const request& what, std::string& text);

/// Calls `add(name, value)` for each field, but Host and what frames a message: first the request's own ones, in their
/// order, then those the client adds. `user_agent` is sent unless the request names another; `decodes`: Accept-Encoding
/// lists the codings the client undoes. Throws as `note_given` does.
template <class Add>
given_fields add_request_fields(const request& what, std::string_view user_agent, bool decodes,
                                const body_announcement& body, Add add) {
  given_fields given;
  for (const auto each : what.headers) {
    note_given(each, body, given);
    add(each.name, each.value);
  }
  for (const std::string& name : what.without) note_left_out(name, given);
  if (!given.user_agent) add("User-Agent", user_agent);
  if (!given.accept) add("Accept", std::string_view("*/*"));
  // A range of a coded body is a range of its coded bytes, which is hardly ever meant.
  if (decodes && !given.accept_encoding && !given.range) add("Accept-Encoding", accepted_codings);
  if (!given.authorization && !what.url.userinfo().empty())
    add("Authorization", std::string_view("Basic " + base64(what.url.userinfo())));
  const std::string_view method = what.method;  // which compares its size first
  const bool always_says = method == "POST" || method == "PUT" || method == "PATCH";
  if ((body.any ? body.length.has_value() : always_says) && !given.content_length)
    add("Content-Length", std::string_view(std::to_string(body.length.value_or(0))));
  return given;
}

/// Whether sending the request twice means the same as sending it once (RFC 9110 section 9.2.2).
bool is_idempotent(std::string_view method) noexcept;

}  // namespace fanout::http
