#include "cli/text/ctrl_c.hpp"

#include "cli/text/command.hpp"

#include <unistd.h>

#include <csignal>
#include <string_view>

namespace fanout::cli {
namespace {

interrupt& raised() {
  static interrupt only;
  return only;
}

// Set before the handlers are.
interrupt* handler_target = nullptr;
unsigned grace = drain_grace_seconds;

volatile std::sig_atomic_t first_signal = 0;
volatile std::sig_atomic_t state_wanted = 0;

void on_signal_draining(int number) {
  if (handler_target->level() >= 2) _exit(interrupted);
  if (first_signal == 0) first_signal = number;
  handler_target->raise();
  if (handler_target->level() > 1) return;
  alarm(grace);
  constexpr std::string_view notice = "\nfinishing what is under way; Ctrl-C again to stop at once\n";
  [[maybe_unused]] const auto written = write(STDERR_FILENO, notice.data(), notice.size());
}

void on_signal_aborting(int) {
  if (handler_target->level() > 0) _exit(interrupted);  // a task that computes cannot be cancelled, only left
  handler_target->raise();
  handler_target->raise();
}

void on_user_signal_telling(int) {
  state_wanted = 1;
}

/// A warning that is sent twice does not cancel what it lets finish.
void on_user_signal_draining(int) {
  if (handler_target->level() == 0) on_signal_draining(SIGTERM);
}

void on_timer(int) {
  handler_target->raise();
}

}  // namespace

const interrupt& catch_ctrl_c(first_ctrl_c meaning, unsigned grace_seconds) {
  handler_target = &raised();
  grace = grace_seconds;
  struct sigaction action{};
  action.sa_handler = meaning == first_ctrl_c::drains ? on_signal_draining : on_signal_aborting;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = on_timer;
  sigaction(SIGALRM, &action, nullptr);
  return raised();
}

bool terminated() noexcept {
  return first_signal == SIGTERM;
}

bool stopping_asked_for() noexcept {
  return raised().level() > 0;
}

void catch_user_signal(user_signal meaning) {
  struct sigaction action{};
  action.sa_handler = meaning == user_signal::tells ? on_user_signal_telling : on_user_signal_draining;
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
}

bool state_asked_for() noexcept {
  if (state_wanted == 0) return false;
  state_wanted = 0;
  return true;
}

}  // namespace fanout::cli
