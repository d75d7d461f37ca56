#pragma once

#include <fanout/base/task.hpp>

#include "http/connect/dial.hpp"
#include "http/pool/connection.hpp"

#include <memory>

/// \file
namespace fanout::http {

/// A connection for the hop that `context` describes, on the way it is to take: waits for a permit if its limits are
/// reached, looks the host up, connects, talks to the proxy if there is one, and shakes hands for TLS. Mostly it is a
/// new connection; where it had to wait it may be one that another exchange was done with.
///
/// The deadlines of `context` apply. Throws a `fanout::error` of kind `dns`, `connect`, `tls`, `timeout` or
/// `refused_by_policy`.
task<std::unique_ptr<connection>> open_connection(connect_context context);

}  // namespace fanout::http
