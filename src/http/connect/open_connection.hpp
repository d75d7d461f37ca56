#pragma once

#include <fanout/base/task.hpp>

#include "http/connect/dial.hpp"

/// \file
namespace fanout::http {

/// A stream for the hop that `context` describes. Waits for a permit if its limits are reached, looks the host up,
/// connects, talks to the proxy if there is one, and shakes hands for TLS. Mostly it is the first stream of a new
/// session; where it had to wait it may be one of a session that another exchange was done with.
///
/// The deadlines of `context` apply. Throws a `fanout::error` of kind `dns`, `connect`, `tls`, `timeout` or
/// `refused_by_policy`.
task<stream_grant> open_connection(connect_context context);

}  // namespace fanout::http
