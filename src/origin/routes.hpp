#pragma once

#include "origin/answer.hpp"

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <string>
#include <string_view>

/// \file
/// The endpoints.
namespace fanout::origin {

using request_type = boost::beast::http::request<boost::beast::http::string_body>;

/// What to answer to `request`: 404 for an unknown path, 400 with an explanation for an argument out of range.
answer route(const request_type& request);

/// A text that explains why a request is refused.
answer refusal(unsigned status, std::string_view why);

}  // namespace fanout::origin
