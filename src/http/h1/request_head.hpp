#pragma once

#include <fanout/http/request.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// \file
/// From a `request` to bytes.
namespace fanout::http {

/// How the body that follows a header is announced.
struct body_announcement {
  bool any = false;                     ///< there is one
  std::optional<std::uint64_t> length;  ///< of it; chunked without
  bool expect_continue = false;
};

/// Appends the request line and the header of `what` to `out`, ready to be sent. `user_agent` is sent unless the
/// request names another; `decodes`: Accept-Encoding lists the codings the client undoes. Throws a `fanout::error` of
/// kind `invalid_request` when something in it must not be sent (RFC 9112 section 11.1: a control character would let
/// the caller's data pass for a second request).
void write_head(std::string& out, const request& what, std::string_view user_agent, bool decodes,
                const body_announcement& body);

/// Whether sending the request twice means the same as sending it once (RFC 9110 section 9.2.2).
bool is_idempotent(std::string_view method) noexcept;

}  // namespace fanout::http
