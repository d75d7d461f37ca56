// What posix_spawn is asked for.

#include <fanout/async/detail/spawn_settings.hpp>
#include <fanout/base/detail/owned_descriptor.hpp>

#include "support/leaks.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <system_error>

namespace {

using fanout::detail::owned_descriptor;
using fanout::detail::spawn_settings;

class spawning : public fanout::test::leak_checked {};

/// What a shell prints that is started so.
std::string printed(spawn_settings& settings, std::string script, bool closed = false) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  owned_descriptor output(ends[0]);
  owned_descriptor input(ends[1]);
  settings.duplicate(input.value(), STDOUT_FILENO);
  if (closed) settings.close_from(STDERR_FILENO + 1);  // these are done in the order they were asked for
  std::string shell = "sh";
  std::string option = "-c";
  std::array<char*, 4> arguments{shell.data(), option.data(), script.data(), nullptr};
  pid_t pid = -1;
  spawn_settings::check(posix_spawnp(&pid, "sh", settings.files(), settings.attributes(), arguments.data(), environ));
  input.reset();
  std::string text;
  std::array<char, 256> bytes{};
  for (ssize_t got = 0; (got = read(output.value(), bytes.data(), bytes.size())) > 0;)
    text.append(bytes.data(), static_cast<std::size_t>(got));
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  return text;
}

TEST_F(spawning, a_file_and_a_directory_are_as_asked) {
  spawn_settings settings;
  settings.open(STDIN_FILENO, "/dev/null", O_RDONLY);
  settings.change_directory("/");
  EXPECT_EQ(printed(settings, "readlink /proc/self/fd/0; pwd"), "/dev/null\n/\n");
}

TEST_F(spawning, descriptors_from_a_number_on_are_closed) {
  const owned_descriptor inherited(dup(STDOUT_FILENO));  // not close-on-exec
  const std::string check = "test -e /proc/$$/fd/" + std::to_string(inherited.value()) + " && echo open || echo closed";
  spawn_settings with;
  EXPECT_EQ(printed(with, check), "open\n");
  spawn_settings without;
  EXPECT_EQ(printed(without, check, true), "closed\n");
}

/// A mask of signals as proc(5) shows it, without the two that the C library keeps for itself.
unsigned long long mask_of(const std::string& text, const std::string& name) {
  return std::stoull(text.substr(text.find(name) + name.size()), nullptr, 16) & 0x7fffffff;
}

TEST_F(spawning, signals_have_their_default_effect_and_only_the_asked_are_blocked) {
  const auto before = std::signal(SIGUSR1, SIG_IGN);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  spawn_settings settings;
  settings.reset_signals(blocked);
  const std::string masks = printed(settings, "grep -E '^Sig(Blk|Ign)' /proc/self/status | cat");
  EXPECT_EQ(mask_of(masks, "SigBlk:"), 1ULL << (SIGUSR2 - 1));
  EXPECT_EQ(mask_of(masks, "SigIgn:"), 0U);
  std::signal(SIGUSR1, before);
}

TEST_F(spawning, it_may_lead_a_group) {
  spawn_settings settings;
  settings.lead_group();
  EXPECT_EQ(printed(settings, "set -- $(cat /proc/$$/stat); test $5 = $$ && echo leads"), "leads\n");
}

TEST(spawn_settings, a_call_that_fails_throws_its_error) {
  EXPECT_NO_THROW(spawn_settings::check(0));
  try {
    spawn_settings::check(ENOENT);
    ADD_FAILURE() << "it must throw";
  } catch (const std::system_error& refused) {
    EXPECT_EQ(refused.code(), std::errc::no_such_file_or_directory);
  }
}

}  // namespace
