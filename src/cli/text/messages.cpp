#include "cli/text/messages.hpp"

#include <fanout/fetch/output.hpp>
#include <fanout/fetch/output_error.hpp>

#include "cli/text/command.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace fanout::cli {

void turn_write_signals_into_errors() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

void tell(std::string_view message) {
  fetch::write_all(STDERR_FILENO, message);
}

void redirect_messages(const std::string& path) {
  turn_write_signals_into_errors();
  const int to = path == "-" ? STDOUT_FILENO : open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (to < 0 || dup2(to, STDERR_FILENO) < 0)
    throw fetch::output_error(fmt::format("--stderr: cannot write to {}: {}", path, std::strerror(errno)));
  if (to != STDOUT_FILENO) close(to);
}

void begin_trace(const std::string& path) {
  if (path.empty() || path == "-" || path == "%") return;
  const int made = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (made < 0) throw fetch::output_error(fmt::format("--trace: cannot write to {}: {}", path, std::strerror(errno)));
  close(made);
}

int print(std::string_view text) {
  const bool printed = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return printed ? ok : output_failed;
}

}  // namespace fanout::cli
