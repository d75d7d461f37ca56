#pragma once

#include <fanout/http/request.hpp>
#include <fanout/http/response.hpp>

#include <boost/json/value.hpp>

/// \file
/// JSON bodies as values of Boost.JSON. Not part of `http.hpp`: who includes this links Boost.JSON, which fanout
/// brings.
namespace fanout::http {

/// The body as JSON. Throws a `fanout::error` of kind `protocol` that says where it is malformed. Thread-safe.
boost::json::value json(const response& answer);

/// Makes `value` the body of `what`, with its Content-Type; a GET becomes a POST.
void set_json(request& what, const boost::json::value& value);

}  // namespace fanout::http
