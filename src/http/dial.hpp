#pragma once

#include <fanout/base/task.hpp>

#include "http/connection.hpp"
#include "http/exchange.hpp"
#include "http/wake_up.hpp"

#include <memory>
#include <string>

/// \file
/// From a host to a socket.
namespace fanout::http {

/// Looks `host` up and connects to whichever of its addresses answers first (RFC 8305). `wake` is the exchange's, which
/// is notified of its deadlines too. Throws a `fanout::error` of kind `dns`, `connect`, `timeout`, and
/// `refused_by_policy` when `checked` and no address is a public one.
task<std::unique_ptr<connection>> dial(exchange& ex, wake_up& wake, std::string host, std::uint16_t port, bool checked);

/// Connects to the unix socket at `path`.
task<std::unique_ptr<connection>> dial_unix(exchange& ex, wake_up& wake, std::string path);

/// The address of `host` that would be tried first, checked likewise.
task<asio::ip::address> first_address(exchange& ex, wake_up& wake, std::string host, std::uint16_t port, bool checked);

}  // namespace fanout::http
