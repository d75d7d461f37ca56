#pragma once

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

namespace fanout::origin {

/// A request read whole.
using request_type = boost::beast::http::request<boost::beast::http::string_body>;

}  // namespace fanout::origin
