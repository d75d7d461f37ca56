// What the helper does where a machine, or what started it, withholds something.

#include <fanout/fanout.hpp>

#include "process/helper.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <ranges>
#include <string>
#include <vector>

namespace helper {
namespace {

using namespace std::chrono_literals;

std::string reversed(const std::string& text) {
  return {text.rbegin(), text.rend()};
}
int pid_of(int) {
  return getpid();
}
int dies(int) {
  kill(getpid(), SIGKILL);
  return 0;
}

/// Small and large values, there and back, on a run's workers and a pool's.
std::string work() {
  const std::vector<std::string> texts{"abc", std::string(3'000'000, 'x') + "y", std::string(100'000, 'z')};
  fanout::process_pool pool({.processes = 2});
  for (const auto& back :
       {fanout::map(fanout::processes(2), fanout::remote<reversed>, texts), pool.map(fanout::remote<reversed>, texts)})
    for (std::size_t i = 0; i < texts.size(); ++i)
      if (back.at(i) != reversed(texts[i])) return "a value came back wrong";
  return "worked";
}

std::string error_text() {
  return std::strerror(errno);
}

/// A /dev/shm of its own for this process, of one page, and that is full.
std::string fill_shared_memory() {
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
    return "no namespace of its own: " + error_text();
  mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  if (mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=4k") != 0) return "no /dev/shm of its own: " + error_text();
  const int file = open("/dev/shm/full", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const std::string page(4096, 'x');
  while (write(file, page.data(), page.size()) > 0) {
  }
  if (errno != ENOSPC) return "/dev/shm does not fill up: " + error_text();
  close(file);
  return {};
}

/// The program's file is replaced by another one, as in an upgrade.
void replace_own_file() {
  const std::string own = std::filesystem::read_symlink("/proc/self/exe");
  std::filesystem::remove(own);
  std::ofstream(own) << "#!/bin/false\n";
  std::filesystem::permissions(own, std::filesystem::perms::owner_all);
}

rlim_t soft_limit(__rlimit_resource_t resource, rlim_t value) {
  rlimit both{};
  getrlimit(resource, &both);
  const rlim_t before = both.rlim_cur;
  both.rlim_cur = value;
  setrlimit(resource, &both);
  return before;
}

/// A pool's worker dies while `withhold` has it that no other can be started; it says what the calls that follow
/// come to, then, and once `give` has undone it.
template <class Withhold, class Give>
void lose_a_worker(Withhold withhold, Give give) {
  const std::size_t before = descriptors();
  {
    fanout::process_pool pool({.processes = 1});
    pool.submit(fanout::remote<pid_of>, 1).get();
    withhold();
    for (const auto& call : {pool.submit(fanout::remote<dies>, 1), pool.submit(fanout::remote<pid_of>, 1)}) {
      try {
        call.get();
        say("ended");
      } catch (const std::exception& thrown) {
        say(thrown.what());
      }
    }
    give();
    say(pool.submit(fanout::remote<pid_of>, 1).get() > 0 ? "works again" : "does not");
  }
  if (descriptors() != before) say("a descriptor leaked");
}

void lose_all_descriptors() {
  rlim_t before = 0;
  lose_a_worker([&] { before = soft_limit(RLIMIT_NOFILE, descriptors() - 1); },
                [&] { soft_limit(RLIMIT_NOFILE, before); });
}

/// A user who may have no more processes. Root may have any number, so it is another one.
int lose_all_processes() {
  if (geteuid() == 0 && (setgid(65'534) != 0 || setuid(65'534) != 0)) {
    say("not another user: " + error_text());
    return 0;
  }
  prctl(PR_SET_DUMPABLE, 1);  // which the change of users took; /proc/self belongs to root without it
  rlim_t before = 0;
  lose_a_worker([&] { before = soft_limit(RLIMIT_NPROC, 1); }, [&] { soft_limit(RLIMIT_NPROC, before); });
  return 0;
}

/// As a daemon may be started: nothing is open, so the first descriptors are those that workers have as standard ones.
void work_without_standard_descriptors() {
  const int kept = fcntl(STDOUT_FILENO, F_DUPFD, 100);
  for (const int each : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(each);
  const std::string said = work();
  dup2(kept, STDOUT_FILENO);
  say(said);
}

}  // namespace

int run_in_want(std::string_view what) {
  if (what == "full-shared-memory") {
    const std::string why = fill_shared_memory();
    say(why.empty() ? work() : why);
  } else if (what == "replaced") {
    replace_own_file();
    say(work());
  } else if (what == "no-descriptors") {
    lose_all_descriptors();
  } else if (what == "no-processes") {
    return lose_all_processes();
  } else if (what == "no-standard-descriptors") {
    work_without_standard_descriptors();
  } else {
    return 2;
  }
  return 0;
}

}  // namespace helper
