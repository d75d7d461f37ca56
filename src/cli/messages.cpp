#include "cli/messages.hpp"

#include <fanout/fetch/output.hpp>

#include <unistd.h>

#include <csignal>

namespace fanout::cli {

void turn_write_signals_into_errors() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

void tell(std::string_view message) {
  fetch::write_all(STDERR_FILENO, message);
}

}  // namespace fanout::cli
