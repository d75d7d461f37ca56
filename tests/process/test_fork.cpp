// Programs that fork while they have a pool: the fork has a copy of it, without the thread and the workers, and neither
// hangs nor touches what is its parent's.

#include <fanout/fanout.hpp>

#include "cli/child.hpp"
#include "support/leaks.hpp"
#include "support/run_to_end.hpp"
#include "support/sanitized.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <vector>

namespace forks {

using namespace fanout;
using namespace std::chrono_literals;

class fork_of_a_program : public test::leak_checked {};

int twice(int x) {
  return 2 * x;
}

/// Exit status of a fork that does this; minus the signal that ended it, which is SIGALRM where it hangs.
int in_a_fork(const std::function<bool()>& what) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(what() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool is_refused(const std::function<void()>& use) {
  try {
    use();
  } catch (const std::logic_error&) {
    return true;
  }
  return false;
}

TEST_F(fork_of_a_program, with_a_pool_is_refused_its_use) {
  process_pool pool({.processes = 2});
  EXPECT_EQ(pool.map(remote<twice>, std::views::iota(0, 3)), (std::vector{0, 2, 4}));
  for (int x = 0; x < 50; ++x) pool.call(remote<twice>, x);  // workers are checked out
  const auto future = pool.submit(remote<twice>, 4);
  EXPECT_EQ(future.get(), 8);
  const std::vector<std::function<void()>> uses{
      [&] { static_cast<void>(pool.submit(remote<twice>, 1)); },
      [&] { pool.call(remote<twice>, 1); },
      [&] { pool.map(remote<twice>, std::views::iota(0, 3)); },
      [&] { static_cast<void>(pool.report()); },
      [&] { pool.close(); },
      [&] { pool.stop(); },
      [&] { pool.kill(); },
  };
  for (std::size_t use = 0; use < uses.size(); ++use)
    EXPECT_EQ(in_a_fork([&] { return is_refused(uses[use]); }), 0) << "use " << use;
  EXPECT_EQ(pool.submit(remote<twice>, 5).get(), 10) << "the pool of the program itself goes on";
}

TEST_F(fork_of_a_program, with_a_pool_destroys_it_without_an_effect) {
  auto pool = std::make_unique<process_pool>(process_pool_options{.processes = 2});
  EXPECT_EQ(pool->call(remote<twice>, 4), 8);
  EXPECT_EQ(in_a_fork([&] {
              pool.reset();
              return true;
            }),
            0);
  EXPECT_EQ(pool->call(remote<twice>, 5), 10);
}

TEST_F(fork_of_a_program, cannot_wait_for_calls_of_its_parent) {
  process_pool pool({.processes = 1});
  const auto future = pool.submit(remote<twice>, 4);
  EXPECT_EQ(in_a_fork([&] { return is_refused([&] { future.get(); }) && is_refused([&] { future.wait_for(1s); }); }),
            0);
  EXPECT_EQ(future.get(), 8);
}

int on_a_thread(thread_executor& threads) {
  return test::run_to_end(to_thread(threads, [] { return 7; }));
}

TEST_F(fork_of_a_program, with_threads_for_calls_is_refused_their_use_and_can_destroy_them) {
  auto threads = std::make_unique<thread_executor>();
  EXPECT_EQ(on_a_thread(*threads), 7);
  EXPECT_EQ(in_a_fork([&] {
              const bool refused = is_refused([&] { on_a_thread(*threads); });
              threads.reset();
              return refused;
            }),
            0);
  EXPECT_EQ(on_a_thread(*threads), 7);
}

TEST_F(fork_of_a_program, has_workers_of_its_own) {
  if (test::thread_sanitized) GTEST_SKIP() << "this sanitizer takes no new threads in the fork of a threaded program";
  process_pool pool({.processes = 1});
  EXPECT_EQ(pool.call(remote<twice>, 4), 8);
  EXPECT_EQ(in_a_fork([] { return map(processes(2), remote<twice>, std::views::iota(0, 3)) == std::vector{0, 2, 4}; }),
            0);
  EXPECT_EQ(in_a_fork([] { return process_pool({.processes = 1}).call(remote<twice>, 3) == 6; }), 0);
}

// A pool that lives as long as the program is destroyed by exit(3), in the fork as well.
TEST_F(fork_of_a_program, ends_by_exit) {
  // What other threads hold is lost in a fork, and the leak sanitizer says so.
  if (test::address_sanitized) setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
  cli::testing::child program(FANOUT_HELPER, {"fork-with-a-pool"});
  if (test::address_sanitized) unsetenv("ASAN_OPTIONS");
  EXPECT_EQ(program.read_line(), "the fork ended with status 0");
  EXPECT_EQ(program.read_line(), "the pool works");
  EXPECT_EQ(program.wait(), 0);
}

}  // namespace forks
