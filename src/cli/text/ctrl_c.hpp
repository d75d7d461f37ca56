#pragma once

#include <fanout/core/interrupt.hpp>

namespace fanout::cli {

/// What the first Ctrl-C does; the next one is always more urgent, down to leaving without a word.
enum class first_ctrl_c {
  drains,  ///< what is under way may finish, for the grace; the second one cancels it
  aborts,  ///< what is under way is cancelled
};

inline constexpr unsigned drain_grace_seconds = 5;

/// Lets Ctrl-C (SIGINT) and SIGTERM end the run under way instead of the process. Without a thread: the handlers only
/// raise the interrupt. Call it once.
const interrupt& catch_ctrl_c(first_ctrl_c meaning, unsigned grace_seconds = drain_grace_seconds);

/// Whether the first of the signals was SIGTERM: a batch system takes the machine back.
bool terminated() noexcept;

/// Whether one of them came.
bool stopping_asked_for() noexcept;

/// What SIGUSR1 does, which batch systems send as a warning.
enum class user_signal {
  tells,   ///< asks for the state of the run: `state_asked_for`
  drains,  ///< the same as SIGTERM
};
void catch_user_signal(user_signal meaning);
/// Whether the state was asked for since the last call.
bool state_asked_for() noexcept;

}  // namespace fanout::cli
