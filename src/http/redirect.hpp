#pragma once

#include <fanout/http/request.hpp>
#include <fanout/http/response.hpp>

/// \file
namespace fanout::http {

/// Whether `answer` asks for another request.
bool is_redirect(const response& answer) noexcept;

/// Turns `what` into the request that follows `answer`, a redirect: the new URL, the method that 301, 302 and 303
/// change (RFC 9110 section 15.4), and without credentials once scheme, host or port change. Throws a `fanout::error`
/// of kind `refused_by_policy` when the new URL is not http or https.
void follow_redirect(request& what, const response& answer);

}  // namespace fanout::http
