#include <fanout/origin/background.hpp>

#include "cli/fetch_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pty.h>
#include <unistd.h>

namespace {

using namespace fanout::cli::testing;
using ::testing::HasSubstr;
using ::testing::Not;

/// `fanout curl -u me` in a session of its own, with a terminal or with none.
class session {
 public:
  session(const std::string& url, bool with_terminal) {
    pid_ = with_terminal ? ::forkpty(&terminal_, nullptr, nullptr, nullptr) : ::fork();
    if (pid_ != 0) {
      pipe_ends::close(output_.write);
      return;
    }
    if (!with_terminal) ::setsid();
    ::dup2(output_.write, STDOUT_FILENO);
    ::execl(tool, tool, "curl", "-s", "-u", "me", url.c_str(), nullptr);
    ::_exit(127);
  }
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session() {
    pipe_ends::close(terminal_);
    ::waitpid(pid_, nullptr, 0);
  }

  void type(std::string_view text) const {
    EXPECT_EQ(::write(terminal_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  /// Up to `end`, or to the end of all where it is empty.
  std::string shown(std::string_view end = {}) const { return read_until(terminal_, end); }
  std::string output() const { return read_until(output_.read, {}); }

 private:
  static std::string read_until(int from, std::string_view end) {
    std::string all;
    for (char each = 0; (end.empty() || !all.ends_with(end)) && ::read(from, &each, 1) == 1;) all += each;
    return all;
  }

  pipe_ends output_;
  int terminal_ = -1;
  pid_t pid_ = -1;
};

TEST(password, is_asked_for_on_the_terminal_and_not_shown) {
  fanout::origin::background origin;
  const session running(origin.url("/echo"), true);
  EXPECT_THAT(running.shown("'me':"), HasSubstr("Enter host password for user 'me':"));
  running.type("secret\n");
  EXPECT_THAT(running.output(), HasSubstr("Basic bWU6c2VjcmV0\""));
  EXPECT_THAT(running.shown(), Not(HasSubstr("secret")));
}

TEST(password, is_empty_where_there_is_no_terminal) {
  fanout::origin::background origin;
  EXPECT_THAT(session(origin.url("/echo"), false).output(), HasSubstr("Basic bWU6\""));
}

}  // namespace
