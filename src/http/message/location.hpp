#pragma once

#include <fanout/http/response.hpp>

#include <string_view>

/// \file
/// Whether a response leads elsewhere.
namespace fanout::http {

/// Where `answer` asks to go on: its first Location, when its status is one that redirects (RFC 9110 section 15.4).
/// Empty when it is not, or when it names no place or an empty one: then the response itself is the answer, as in
/// browsers.
std::string_view redirect_place(const response& answer) noexcept;

}  // namespace fanout::http
