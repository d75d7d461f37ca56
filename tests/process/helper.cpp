// Programs that tests of worker processes watch from outside; the argument says which.

#include "process/helper.hpp"

#include <fanout/fanout.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace helper {

/// In a worker, before main: as when Ctrl-C is pressed while workers start. Set by the helper, for its workers.
constexpr const char* early_interrupt = "HELPER_EARLY_INTERRUPT";
const bool interrupted_early = [] {
  if (std::getenv(early_interrupt)) kill(getpid(), SIGINT);
  return true;
}();

void say(const std::string& line) {
  const std::string text = line + "\n";
  [[maybe_unused]] const auto written = write(STDOUT_FILENO, text.data(), text.size());
}

std::size_t descriptors() {
  const std::filesystem::directory_iterator entries("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

int forever(int) {
  say(std::to_string(getpid()));
  for (;;) pause();
}

/// Has workers of its own, which do not end.
int forever_in_a_run(int) {
  say(std::to_string(getpid()));
  fanout::map(fanout::processes(2), fanout::remote<forever>, std::views::iota(0, 2));
  return 0;
}
int forever_in_a_pool(int) {
  say(std::to_string(getpid()));
  fanout::process_pool pool({.processes = 2});
  pool.map(fanout::remote<forever>, std::views::iota(0, 2));
  return 0;
}

/// As a server that gives up its privileges once it has what it needs.
int forever_as_nobody(int x) {
  constexpr unsigned nobody = 65'534;
  if (setgid(nobody) != 0 || setuid(nobody) != 0) {
    say("may not");
    return x;
  }
  return forever(x);
}

int until_signalled(int x) {
  sigset_t usr1;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &usr1, nullptr);
  say(std::to_string(getpid()));
  int got = 0;
  sigwait(&usr1, &got);
  return x;
}

int identity(int x) {
  return x;
}

fanout::task<int> identity_async(int x) {
  co_return x;
}

int throws_itself(int) {
  throw std::runtime_error("no");  // this line is said
}
int has_the_library_throw(int) {
  return std::vector<int>(3).at(7);  // and this one
}
fanout::task<int> throws_after_a_wait(int x) {
  auto pending = identity_async(x);
  const int got = co_await std::move(pending);
  if (got == x) throw fanout::error(fanout::failure_kind::status, "404");  // and this
  co_return got;
}
/// In a worker, and here.
void say_where_thrown() {
  fanout::options how(fanout::processes(1));
  how.on_error = fanout::on_error::collect;
  const auto say_of = [](const fanout::outcome<int>& out) { say(out.error().where); };
  for (const auto& shape : {fanout::processes(1), fanout::threads(2)}) {
    how.shape = shape;
    fanout::for_each_completed(how, fanout::remote<throws_itself>, std::vector{1}, say_of);
    fanout::for_each_completed(how, fanout::remote<has_the_library_throw>, std::vector{1}, say_of);
  }
  how.shape = fanout::grid(2, 1, 2);
  fanout::for_each_completed(how, fanout::remote<throws_after_a_wait>, std::vector{1}, say_of);
}

int identity(int x);

/// The pool is destroyed when the process exits: this one and its fork.
void fork_with_a_pool() {
  static fanout::process_pool pool({.processes = 2});
  pool.call(fanout::remote<identity>, 1);
  fanout::sync_wait(fanout::to_thread([] {}));  // on threads that live as long, too
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    std::exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  say("the fork ended with status " + std::to_string(status));
  say(pool.call(fanout::remote<identity>, 7) == 7 ? "the pool works" : "the pool is broken");
}

int hang_at_exit(int x) {
  std::atexit([] {
    for (;;) pause();
  });
  return x;
}

/// Runs `work` with every number of free descriptors from none up, until it succeeds; then nothing may be missing.
template <class Work>
void with_few_descriptors(Work work) {
  const std::size_t before = descriptors();
  for (rlim_t free = 0; free < 64; ++free) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = before - 1 + free;  // the listing has one of its own
    setrlimit(RLIMIT_NOFILE, &limit);
    std::string said;
    try {
      work();
      said = "succeeded";
    } catch (const std::exception& thrown) {
      said = thrown.what();
    }
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    say(said);
    if (descriptors() != before) say("a descriptor leaked");
    if (said == "succeeded") return;
  }
}

/// `init` is handed other arguments than the process has. A worker that it does not recognise would come back here, and
/// have workers that do the same; the file has a line for each that did.
int run_hidden(std::string_view hidden, int argc, char** argv) {
  if (hidden == "all") fanout::init(0, nullptr);
  if (hidden == "first") fanout::init(argc - 1, argv + 1);
  if (hidden == "rest") fanout::init(1, argv);
  if (hidden == "null") fanout::init(2, nullptr);
  const std::filesystem::path file = std::getenv("HELPER_FILE");
  std::ofstream(file, std::ios::app) << "main\n";
  if (std::filesystem::file_size(file) > 3 * 5) return 3;  // enough to see it
  const auto back = fanout::map(fanout::processes(2), fanout::remote<identity>, std::views::iota(0, 4));
  say(back.size() == 4 ? "worked" : "lost some");
  return 0;
}

int run(std::string_view what) {
  const auto inputs = std::views::iota(0, 3);
  if (what == "endless") {
    fanout::map(fanout::processes(3), fanout::remote<forever>, inputs);
  } else if (what == "interrupted" || what == "interrupted-early") {
    if (what == "interrupted-early") setenv(early_interrupt, "1", 1);
    setpgid(0, 0);
    signal(SIGINT, SIG_IGN);
    say(std::to_string(fanout::map(fanout::processes(3), fanout::remote<until_signalled>, inputs).size()) + " done");
  } else if (what == "hang-at-exit") {
    say(std::to_string(fanout::map(fanout::processes(1), fanout::remote<hang_at_exit>, inputs).size()) + " done");
  } else if (what == "descriptors-processes") {
    with_few_descriptors([&] { fanout::map(fanout::processes(1), fanout::remote<identity>, inputs); });
  } else if (what == "descriptors-pool") {
    with_few_descriptors([&] {
      fanout::process_pool pool({.processes = 1});
      pool.submit(fanout::remote<identity>, 1).get();
      pool.map(fanout::remote<identity>, inputs);
    });
  } else if (what == "endless-pool") {
    fanout::process_pool pool({.processes = 3});
    pool.map(fanout::remote<forever>, inputs);
  } else if (what == "endless-nested") {
    fanout::map(fanout::processes(2), fanout::remote<forever_in_a_run>, std::views::iota(0, 2));
  } else if (what == "endless-nested-pool") {
    fanout::process_pool pool({.processes = 2});
    pool.map(fanout::remote<forever_in_a_pool>, std::views::iota(0, 2));
  } else if (what == "endless-unprivileged") {
    fanout::map(fanout::processes(3), fanout::remote<forever_as_nobody>, inputs);
  } else if (what == "one-map") {
    try {
      say(std::to_string(fanout::map(fanout::processes(1), fanout::remote<identity>, inputs).size()) + " done");
    } catch (const std::exception& thrown) {
      say(thrown.what());
    }
  } else if (what == "fork-with-a-pool") {
    fork_with_a_pool();
  } else if (what == "throws") {
    say_where_thrown();
  } else if (what == "descriptors-hybrid") {
    with_few_descriptors([&] { fanout::map(fanout::hybrid(8), identity_async, inputs); });
  } else {
    return run_in_want(what);
  }
  return 0;
}

}  // namespace helper

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "without-init") {
    try {
      fanout::map(fanout::processes(2), fanout::remote<helper::identity>, std::vector{1});
    } catch (const std::logic_error& thrown) {
      helper::say(thrown.what());
    }
    return 0;
  }
  if (const char* const hidden = std::getenv("HELPER_HIDES_ARGUMENTS")) return helper::run_hidden(hidden, argc, argv);
  fanout::init(argc, argv);
  return argc == 2 ? helper::run(argv[1]) : 2;
}
