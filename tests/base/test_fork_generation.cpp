// How an object can tell that it is in a fork of the process that made it.

#include <fanout/base/detail/fork_generation.hpp>

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

namespace {

using fanout::detail::fork_generation;

/// What `check` returns in a fork of this process, as its exit status.
template <class Check>
int status_of_fork(Check check) {
  const pid_t child = fork();
  if (child == 0) _exit(check());
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

TEST(fork_generation, is_the_same_on_every_thread_of_a_process) {
  const auto mine = fork_generation();
  EXPECT_EQ(fork_generation(), mine);
  std::thread([&] { EXPECT_EQ(fork_generation(), mine); }).join();
}

TEST(fork_generation, counts_the_forks_between_two_processes) {
  const auto mine = fork_generation();
  EXPECT_EQ(status_of_fork([&] { return static_cast<int>(fork_generation() - mine); }), 1);
  EXPECT_EQ(status_of_fork([&] { return status_of_fork([&] { return static_cast<int>(fork_generation() - mine); }); }),
            2);
  EXPECT_EQ(fork_generation(), mine) << "a fork does not change the process that forked";
}

}  // namespace
