#pragma once

#include <fanout/base/task.hpp>

#include "http/connection.hpp"
#include "http/exchange.hpp"

#include <memory>

/// \file
namespace fanout::http {

/// Opens a connection to `to`, on behalf of `ex` whose connect deadline applies: looks the host up, tries its
/// addresses in turn, and shakes hands when `tls` is not null. Throws a `fanout::error` of kind `dns`, `connect`, `tls`
/// or `timeout`. `ex`, `to` and `tls` must outlive the task.
task<std::unique_ptr<connection>> open_connection(exchange& ex, const url& to, const tls_context* tls);

}  // namespace fanout::http
