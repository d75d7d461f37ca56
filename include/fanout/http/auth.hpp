#pragma once

#include <string>
#include <string_view>

/// \file
/// Values of the Authorization header.
namespace fanout::http {

/// "Basic …" for a user and a password (RFC 7617). Throws a `fanout::error` of kind `invalid_request` when the user
/// contains a colon, or either a control character.
std::string basic_auth(std::string_view user, std::string_view password);

/// "Bearer …" for a token (RFC 6750). Throws a `fanout::error` of kind `invalid_request` when it is empty, or contains
/// anything but visible ASCII.
std::string bearer_auth(std::string_view token);

}  // namespace fanout::http
