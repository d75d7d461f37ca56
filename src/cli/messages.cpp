#include "cli/messages.hpp"

#include <fanout/fetch/output.hpp>

#include "cli/command.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace fanout::cli {

void turn_write_signals_into_errors() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

void tell(std::string_view message) {
  fetch::write_all(STDERR_FILENO, message);
}

int print(std::string_view text) {
  const bool printed = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return printed ? ok : output_failed;
}

}  // namespace fanout::cli
