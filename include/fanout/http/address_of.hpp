#pragma once

#include <fanout/base/task.hpp>
#include <fanout/http/client_options.hpp>

#include <string>

/// \file
/// Where the connection for a URL would lead.
namespace fanout::http {

/// The IP address that a client with these options would connect to first for this URL, as text; nothing is connected.
/// `client_options::resolve`, `connect_to` and the hosts file count. Empty where the name is not looked up here: behind
/// a proxy, or a Unix socket. A name with several addresses has the first of those that a connection would try; another
/// one may answer sooner (RFC 8305).
///
/// Needs a coroutine on an `io_context`, as `client::send`, and shares the name look-ups of its exchanges. Throws a
/// `fanout::error` of kind `dns`, `timeout` (`connect_timeout`), `invalid_request` for a bad URL, and
/// `refused_by_policy` under `public_only`.
task<std::string> address_of(client_options with, std::string url);

}  // namespace fanout::http
