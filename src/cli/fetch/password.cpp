#include "cli/fetch/password.hpp"

#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/fetch/output.hpp>

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

namespace fanout::cli {
namespace {

/// While it lives, what is typed is not shown. What was typed before the prompt is no password: it is dropped.
class hidden_typing {
 public:
  explicit hidden_typing(int terminal) : terminal_(terminal) {
    if (::tcgetattr(terminal_, &before_) != 0) return;
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    hidden_ = ::tcsetattr(terminal_, TCSAFLUSH, &hidden) == 0;
  }
  hidden_typing(const hidden_typing&) = delete;
  hidden_typing& operator=(const hidden_typing&) = delete;
  ~hidden_typing() {
    if (hidden_) ::tcsetattr(terminal_, TCSANOW, &before_);
  }

 private:
  const int terminal_;
  termios before_{};
  bool hidden_ = false;
};

}  // namespace

std::string ask_for_password(const std::string& prompt) {
  const fanout::detail::owned_descriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal) return {};
  const hidden_typing hidden(terminal.value());
  fetch::write_all(terminal.value(), prompt);
  std::string typed;
  for (char each = 0;;) {
    const ssize_t got = ::read(terminal.value(), &each, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || each == '\n') break;
    typed += each;
  }
  fetch::write_all(terminal.value(), "\n");
  return typed;
}

}  // namespace fanout::cli
