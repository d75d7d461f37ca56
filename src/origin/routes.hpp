#pragma once

#include "origin/answer.hpp"
#include "origin/request.hpp"

#include <string>
#include <string_view>

/// \file
/// The endpoints.
namespace fanout::origin {

/// What to answer to `request`: 404 for an unknown path, 400 with an explanation for an argument out of range.
answer route(const request_type& request);

/// A text that explains why a request is refused.
answer error_answer(unsigned status, std::string_view why);

}  // namespace fanout::origin
