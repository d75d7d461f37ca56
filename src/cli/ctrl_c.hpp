#pragma once

#include <fanout/core/interrupt.hpp>

namespace fanout::cli {

/// Lets Ctrl-C (SIGINT) and SIGTERM end the run under way instead of the process: the first drains, the second aborts,
/// as does the grace period when it is over. Without a thread: the handlers only raise the interrupt. Call it once.
const interrupt& catch_ctrl_c();

/// How long a drain may take before it becomes an abort.
inline constexpr unsigned drain_grace_seconds = 5;

}  // namespace fanout::cli
