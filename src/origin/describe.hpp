#pragma once

#include "origin/request.hpp"

#include <string>

/// \file
/// Requests as JSON.
namespace fanout::origin {

/// An object of the headers, names as they were sent. The values of a repeated header are joined with ", " under the
/// first spelling (RFC 9110 section 5.3). Values that are not UTF-8 are read as Latin-1.
std::string describe_headers(const request_type& request);

/// An object with `method`, `target`, `version`, `headers` and `body`; a body that is not UTF-8 is null, and
/// `body_base64` holds it.
std::string describe_request(const request_type& request);

}  // namespace fanout::origin
