// A process that is started as a worker: what it finds, and its end.

#include "process/channel/worker_descriptors.hpp"
#include "process/supervisor/spawn.hpp"
#include "support/failing_calls.hpp"
#include "support/leaks.hpp"
#include "support/readable.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace spawning_workers {

using namespace fanout;
using namespace fanout::detail;
using testing::HasSubstr;

class spawned_workers : public test::leak_checked {
 protected:
  /// Runs a script instead of a worker; what it printed. The argument that makes a worker is its $1.
  static std::string printed(const std::string& script, worker_surroundings how = {}) {
    const owned_descriptor page(memfd_create("page", MFD_CLOEXEC));
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    const owned_descriptor output(ends[0]);
    owned_descriptor input(ends[1]);
    const std::vector<std::string> command{"sh", "-c", script, "worker"};
    how.command = &command;
    how.output = input.value();
    spawned_worker child = spawn_worker(page.value(), how);
    input.reset();
    std::string text;
    std::array<char, 256> bytes{};
    for (ssize_t got = 0; (got = read(output.value(), bytes.data(), bytes.size())) > 0;)
      text.append(bytes.data(), static_cast<std::size_t>(got));
    return text;
  }
};

TEST_F(spawned_workers, the_argument_names_the_parent) {
  EXPECT_EQ(printed("echo \"$1\""), worker_argument + std::to_string(getpid()) + "\n");
}

TEST_F(spawned_workers, it_has_its_socket_its_page_its_lifeline_and_nothing_else) {
  const owned_descriptor inherited(fcntl(STDOUT_FILENO, F_DUPFD, 20));  // without close-on-exec
  EXPECT_EQ(
      printed("for each in 0 3 4 5; do readlink /proc/$$/fd/$each | sed 's/[:/].*//'; done; test -e /proc/$$/fd/" +
              std::to_string(inherited.value()) + " && echo open || echo closed"),
      "\nsocket\n\npipe\nclosed\n");
}

TEST_F(spawned_workers, its_directory_and_its_environment_are_as_asked) {
  const fanout_test::temporary_directory scratch;
  const std::string directory = scratch.path();
  const std::map<std::string, std::optional<std::string>> changes{{"FANOUT_NEW", "value"}, {"HOME", std::nullopt}};
  EXPECT_EQ(printed("pwd -P; echo \"$FANOUT_NEW\"; echo \"${HOME-gone}\"",
                    {.directory = &directory, .environment = &changes}),
            std::filesystem::canonical(directory).string() + "\nvalue\ngone\n");
}

/// A mask of signals as proc(5) shows it, without the two that the C library keeps for itself.
unsigned long long mask_of(const std::string& text, const std::string& name) {
  return std::stoull(text.substr(text.find(name) + name.size()), nullptr, 16) & 0x7fffffff;
}

TEST_F(spawned_workers, ctrl_c_waits_and_other_signals_have_their_default_effect) {
  const auto before = std::signal(SIGTERM, SIG_IGN);
  const std::string masks = printed("grep -E '^Sig(Blk|Ign)' /proc/self/status | cat");
  EXPECT_EQ(mask_of(masks, "SigBlk:"), 1ULL << (SIGINT - 1));
  EXPECT_EQ(mask_of(masks, "SigIgn:"), 0U);
  std::signal(SIGTERM, before);
}

TEST_F(spawned_workers, is_killed_and_reaped_with_its_object) {
  const owned_descriptor page(memfd_create("page", MFD_CLOEXEC));
  const std::vector<std::string> command{"sh", "-c", "exec sleep 1000"};
  spawned_worker child = spawn_worker(page.value(), {.command = &command});
  const pid_t pid = child.pid;
  EXPECT_TRUE(test::children().contains(pid));
  EXPECT_EQ(fcntl(child.socket, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  spawned_worker moved = std::move(child);
  EXPECT_EQ(child.pid, -1);  // NOLINT(bugprone-use-after-move): that is what is tested
  EXPECT_EQ(moved.pid, pid);
}

TEST_F(spawned_workers, its_end_can_be_waited_for) {
  const owned_descriptor page(memfd_create("page", MFD_CLOEXEC));
  const std::vector<std::string> command{"sh", "-c", "exit 3"};
  spawned_worker child = spawn_worker(page.value(), {.command = &command});
  if (child.pidfd < 0) GTEST_SKIP() << "this system has no descriptors of processes";
  ASSERT_TRUE(test::readable(child.pidfd, 10'000));
  int status = 0;
  EXPECT_EQ(waitpid(std::exchange(child.pid, -1), &status, 0) > 0, true);
  EXPECT_EQ(WEXITSTATUS(status), 3);
}

std::string refusal(const worker_surroundings& how) {
  const owned_descriptor page(memfd_create("page", MFD_CLOEXEC));
  try {
    const spawned_worker child = spawn_worker(page.value(), how);
  } catch (const std::system_error& why) {
    return why.what();
  }
  return "started";
}

TEST_F(spawned_workers, what_cannot_be_started_is_named_with_the_reason) {
  const std::vector<std::string> command{"/no/such/program"};
  EXPECT_THAT(refusal({.command = &command}), HasSubstr("by the command /no/such/program"));
  const std::string directory = "/no/such/directory";
  EXPECT_THAT(refusal({.program = "/bin/true", .directory = &directory}), HasSubstr("in /no/such/directory"));
}

TEST_F(spawned_workers, nothing_is_left_where_the_system_refuses) {
  for (const auto call : {test::system_call::socketpair, test::system_call::posix_spawn}) {
    const test::failing_call failing(call, EAGAIN);
    EXPECT_THAT(refusal({.program = "/bin/true"}), HasSubstr("worker process"));
    EXPECT_EQ(failing.refused(), 1);
  }
}

}  // namespace spawning_workers
