#pragma once

#include <fanout/base/task.hpp>

#include "http/exchange.hpp"

/// \file
namespace fanout::http {

/// Waits for what `next` asks for, one of those steps that only requests with a body ask for: `want_either`,
/// `want_body`.
task<void> wait_for_body(exchange& ex, step next);

/// Waits for any of `want_read`, `want_write`, `want_either` and `want_body`.
task<void> wait_for(exchange& ex, step next);

}  // namespace fanout::http
