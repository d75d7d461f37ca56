#include "cli/text/command.hpp"
#include "cli/text/messages.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <csignal>

namespace fanout::cli {
namespace {

using ::testing::ExitedWithCode;
using ::testing::KilledBySignal;

/// Makes `descriptor` lead to a pipe that nobody reads.
void break_pipe_of(int descriptor) {
  int ends[2];
  if (::pipe(ends) != 0) _exit(99);
  ::close(ends[0]);
  ::dup2(ends[1], descriptor);
  std::signal(SIGPIPE, SIG_DFL);
}

TEST(messages, what_cannot_be_printed_is_a_status_of_its_own) {
  const auto print_to = [](const char* path) {
    ::dup2(::open(path, O_WRONLY), STDOUT_FILENO);
    _exit(print("what was asked for"));
  };
  EXPECT_EXIT(print_to("/dev/full"), ExitedWithCode(output_failed), "");
  EXPECT_EXIT(print_to("/dev/null"), ExitedWithCode(ok), "");
}

TEST(messages, reach_a_person_or_nobody) {
  const auto tell_to_nobody = [] {
    ::close(STDERR_FILENO);
    tell("unheard");
    _exit(0);
  };
  const auto tell_somebody = [] {
    tell("heard");
    _exit(0);
  };
  EXPECT_EXIT(tell_somebody(), ExitedWithCode(0), "^heard$");
  EXPECT_EXIT(tell_to_nobody(), ExitedWithCode(0), "");
}

TEST(messages, a_reader_that_has_gone_is_an_error_of_the_write) {
  const auto print_to_nobody = [](bool turned) {
    break_pipe_of(STDOUT_FILENO);
    if (turned) turn_write_signals_into_errors();
    _exit(print("x"));
  };
  EXPECT_EXIT(print_to_nobody(false), KilledBySignal(SIGPIPE), "");
  EXPECT_EXIT(print_to_nobody(true), ExitedWithCode(output_failed), "");
}

}  // namespace
}  // namespace fanout::cli
