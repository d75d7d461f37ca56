// One word of a shell, whatever is in it.

#include "cli/child.hpp"
#include "cli/text/shell_quoted.hpp"

#include <gtest/gtest.h>

namespace {

TEST(shell_quoted, is_read_by_a_shell_as_it_was) {
  for (const std::string text : {"", "plain", "two words", "it's", "''", "$HOME `x` \\ \"", "a\nline", "*?[~#!"}) {
    fanout::cli::testing::child shell("/bin/sh", {"-c", "printf %s " + fanout::cli::shell_quoted(text)});
    EXPECT_EQ(shell.rest_of_output(), text);
    EXPECT_EQ(shell.wait(), 0);
  }
}

}  // namespace
