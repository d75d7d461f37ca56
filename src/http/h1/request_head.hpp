#pragma once

#include <fanout/http/request.hpp>

#include "http/message/request_fields.hpp"

#include <string>
#include <string_view>

/// \file
/// From a `request` to bytes.
namespace fanout::http {

/// Appends the request line and the header of `what` to `out`, ready to be sent; its body is chunked when its length is
/// not known. Throws a `fanout::error` of kind `invalid_request` when something in it must not be sent.
void write_head(std::string& out, const request& what, std::string_view user_agent, bool decodes,
                const body_announcement& body);

}  // namespace fanout::http
