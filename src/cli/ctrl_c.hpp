#pragma once

#include <fanout/core/interrupt.hpp>

namespace fanout::cli {

/// What the first Ctrl-C does; the next one is always more urgent, down to leaving without a word.
enum class first_ctrl_c {
  drains,  ///< what is under way may finish, for at most `drain_grace_seconds`; the second one cancels it
  aborts,  ///< what is under way is cancelled
};

/// Lets Ctrl-C (SIGINT) and SIGTERM end the run under way instead of the process. Without a thread: the handlers only
/// raise the interrupt. Call it once.
const interrupt& catch_ctrl_c(first_ctrl_c meaning);

inline constexpr unsigned drain_grace_seconds = 5;

}  // namespace fanout::cli
