#include "cli/ctrl_c.hpp"

#include "cli/command.hpp"

#include <unistd.h>

#include <csignal>
#include <string_view>

namespace fanout::cli {
namespace {

interrupt& raised() {
  static interrupt only;
  return only;
}

interrupt* handler_target = nullptr;  // set before the handlers are

void on_signal_draining(int) {
  if (handler_target->level() >= 2) _exit(interrupted);
  handler_target->raise();
  if (handler_target->level() > 1) return;
  alarm(drain_grace_seconds);
  constexpr std::string_view notice = "\nfinishing what is under way; Ctrl-C again to stop at once\n";
  [[maybe_unused]] const auto written = write(STDERR_FILENO, notice.data(), notice.size());
}

void on_signal_aborting(int) {
  if (handler_target->level() > 0) _exit(interrupted);  // a task that computes cannot be cancelled, only left
  handler_target->raise();
  handler_target->raise();
}

void on_timer(int) {
  handler_target->raise();
}

}  // namespace

const interrupt& catch_ctrl_c(first_ctrl_c meaning) {
  handler_target = &raised();
  struct sigaction action{};
  action.sa_handler = meaning == first_ctrl_c::drains ? on_signal_draining : on_signal_aborting;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = on_timer;
  sigaction(SIGALRM, &action, nullptr);
  return raised();
}

}  // namespace fanout::cli
