#include <fanout/fetch/journal.hpp>

#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fanout::fetch::difference;
using fanout::fetch::job_identity;
using fanout::fetch::journal;
using fanout::fetch::journal_error;
using fanout::fetch::output_error;
using fanout_test::temporary_directory;

const job_identity identity_of_test{{"input", "urls.txt"}, {"shard", "1/8"}};

std::string message_of(const auto& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(journal, is_read_back_and_gone_on_with) {
  const temporary_directory directory;
  const auto path = directory / "out.journal";
  {
    journal done(path, identity_of_test, {});
    for (std::uint64_t i = 0; i < 1'000; ++i) done.add(i * 2, {.sink_length = i * 10, .failed = i % 100 == 0});
    done.close();
  }
  auto read = fanout::fetch::read_journal(path);
  EXPECT_EQ(read.identity, identity_of_test);
  EXPECT_TRUE(fanout::fetch::same_boot(read));
  EXPECT_EQ(read.done.size(), 1'000U);
  EXPECT_EQ(read.failed.size(), 10U);
  EXPECT_EQ(read.sink_length, 9'990U);
  EXPECT_EQ(read.torn, 0U);
  std::ofstream(path, std::ios::app | std::ios::binary) << "FBK1 and half a block";
  read = fanout::fetch::read_journal(path);
  EXPECT_EQ(read.torn, 21U);
  {
    journal more(path, read, {});
    more.add(1, {.sink_length = 20'000, .sink_part = 3});
    more.close();
  }
  read = fanout::fetch::read_journal(path);
  EXPECT_EQ(read.done.size(), 1'001U);
  EXPECT_EQ(read.sink_length, 20'000U);
  EXPECT_EQ(read.sink_part, 3U);
  EXPECT_EQ(read.torn, 0U);
}

TEST(journal, syncs_the_sink_before_it_says_that_records_are_there) {
  const temporary_directory directory;
  const auto path = directory / "out.journal";
  std::vector<std::uintmax_t> lengths;
  journal done(path, identity_of_test,
               {.sync_sink = [&] { lengths.push_back(std::filesystem::file_size(path)); }, .interval = 1h});
  const auto header = std::filesystem::file_size(path);
  done.add(1, {.sink_length = 10});
  done.commit();
  const auto first = std::filesystem::file_size(path);
  EXPECT_GT(first, header);
  done.add(2, {.sink_length = 20});
  done.close();
  EXPECT_EQ(lengths, (std::vector<std::uintmax_t>{header, first}));
}

TEST(journal, commits_by_itself_once_an_interval) {
  const temporary_directory directory;
  const auto path = directory / "out.journal";
  journal done(path, identity_of_test, {.interval = 1ms});
  const auto header = std::filesystem::file_size(path);
  done.add(1, {.sink_length = 10});
  while (std::filesystem::file_size(path) == header) ::sched_yield();
  EXPECT_EQ(fanout::fetch::read_journal(path).done.size(), 1U);
}

TEST(journal, a_sink_that_cannot_be_synced_is_in_no_block) {
  const temporary_directory directory;
  const auto path = directory / "out.journal";
  journal done(path, identity_of_test,
               {.sync_sink = [] { throw output_error("cannot write out: disk full"); }, .interval = 1h});
  done.add(1, {.sink_length = 10});
  EXPECT_EQ(message_of([&] { done.commit(); }), "cannot write out: disk full");
  EXPECT_EQ(message_of([&] { done.add(2, {.sink_length = 20}); }), "cannot write out: disk full");
  EXPECT_EQ(message_of([&] { done.close(); }), "cannot write out: disk full");
  EXPECT_EQ(fanout::fetch::read_journal(path).done.size(), 0U);
}

TEST(journal, a_full_disk_leaves_what_was_whole) {
  const temporary_directory directory;
  const auto path = directory / "out.journal";
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  journal done(path, identity_of_test, {.interval = 1h});
  const rlimit small{std::filesystem::file_size(path) + 100, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  done.add(1, {.sink_length = 10});
  const auto first = message_of([&] { done.commit(); });
  for (std::uint64_t i = 2; i < 200; ++i) done.add(i, {.sink_length = 10 * i});
  const auto second = message_of([&] { done.commit(); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(first, "nothing was thrown");
  EXPECT_EQ(second, "cannot write " + path + ": File too large");
  const auto read = fanout::fetch::read_journal(path);
  EXPECT_EQ(read.done.size(), 1U);
  EXPECT_EQ(read.sink_length, 10U);
}

// A job that is killed at random moments.

constexpr std::uint64_t inputs = 3'000;

std::string line_of(std::uint64_t index) {
  return std::to_string(index) + " " + std::string(index * 7919 % 90, static_cast<char>('a' + index % 26)) + "\n";
}

/// What a program does that uses a journal; this process is killed in the middle.
void run_job(const std::string& directory, std::uint64_t seed) {
  const std::string sink = directory + "/sink";
  const std::string path = sink + ".journal";
  journal::options how{.sync_sink = {}, .interval = 1ms};
  std::uint64_t length = 0;
  fanout::fetch::done_set before;
  int file = -1;
  how.sync_sink = [&file] { ::fdatasync(file); };
  std::unique_ptr<journal> done;
  if (std::filesystem::exists(path)) {
    auto read = fanout::fetch::read_journal(path);
    if (difference(read.identity, identity_of_test) != "") std::exit(9);
    fanout::fetch::cut_sink(sink, read.sink_length);
    length = read.sink_length;
    file = ::open(sink.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    done = std::make_unique<journal>(path, read, how);
    before = std::move(read.done);
  } else {
    file = ::open(sink.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    done = std::make_unique<journal>(path, identity_of_test, how);
  }
  if (file < 0) std::exit(9);
  // Done in another order than the list's, as fetches are: out of a window of 50.
  std::mt19937_64 random(seed);
  std::vector<std::uint64_t> window;
  for (std::uint64_t next = 0; next < inputs || !window.empty();) {
    while (window.size() < 50 && next < inputs) {
      if (!before.contains(next)) window.push_back(next);
      ++next;
    }
    if (window.empty()) break;
    std::swap(window[random() % window.size()], window.back());
    const auto index = window.back();
    window.pop_back();
    const auto line = line_of(index);
    const std::size_t cut = random() % (line.size() + 1);  // a record in two pieces
    if (fanout::fetch::write_all(file, line.substr(0, cut)) != 0) std::exit(9);
    if (fanout::fetch::write_all(file, line.substr(cut)) != 0) std::exit(9);
    length += line.size();
    done->add(index, {.sink_length = length, .failed = index % 10 == 3});
  }
  done->close();
  ::close(file);
}

/// Not a test: what the next one starts as a program of its own.
TEST(journal, DISABLED_a_job) {
  const char* const directory = ::getenv("FANOUT_TEST_JOURNAL");
  const char* const microseconds = ::getenv("FANOUT_TEST_KILL_AFTER");
  if (directory == nullptr || microseconds == nullptr) GTEST_SKIP() << "started by journal.survives_kills";
  const auto after = std::strtoull(microseconds, nullptr, 10);
  if (after != 0) {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGKILL;
    timer_t timer{};
    ASSERT_EQ(::timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    itimerspec when{};
    when.it_value.tv_nsec = static_cast<long>(after * 1'000);
    ASSERT_EQ(::timer_settime(timer, 0, &when, nullptr), 0);
  }
  run_job(directory, after);
}

/// The status of a job that is killed after so many microseconds; 0: never.
int job_killed_after(const std::string& directory, std::uint64_t microseconds) {
  std::vector<std::string> arguments{"/proc/self/exe", "--gtest_filter=journal.DISABLED_a_job",
                                     "--gtest_also_run_disabled_tests", "--gtest_brief=1"};
  std::vector<std::string> variables{"FANOUT_TEST_JOURNAL=" + directory,
                                     "FANOUT_TEST_KILL_AFTER=" + std::to_string(microseconds)};
  std::vector<char*> argv;
  for (auto& one : arguments) argv.push_back(one.data());
  argv.push_back(nullptr);
  std::vector<char*> env;
  for (auto& one : variables) env.push_back(one.data());
  env.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, "/proc/self/exe", &actions, nullptr, argv.data(), env.data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return -1;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

/// Kills the job until there were `FANOUT_TEST_KILLS` (or 25), at moments of up to 40 ms; each output that gets whole
/// is looked at, and the next one is begun.
TEST(journal, survives_kills) {
  const char* const asked = ::getenv("FANOUT_TEST_KILLS");
  const int kills_wanted = asked == nullptr ? 25 : std::atoi(asked);
  std::mt19937_64 random(17);
  int kills = 0;
  int whole = 0;
  while (kills < kills_wanted || whole == 0) {
    const temporary_directory directory;
    for (int run = 0;; ++run) {
      const bool last = run >= 30;
      const int status = job_killed_after(directory.path(), last ? 0 : 1 + random() % 40'000);
      if (WIFEXITED(status)) {
        ASSERT_EQ(WEXITSTATUS(status), 0);
        break;
      }
      ASSERT_EQ(WTERMSIG(status), SIGKILL);
      ++kills;
    }
    ++whole;
    std::ifstream sink(directory / "sink");
    std::vector<int> seen(inputs);
    std::uint64_t lines = 0;
    for (std::string line; std::getline(sink, line); ++lines) {
      const auto index = std::stoull(line);
      ASSERT_LT(index, inputs);
      ASSERT_EQ(line + "\n", line_of(index));
      ASSERT_EQ(++seen[index], 1) << "input " << index << " is there twice, after " << kills << " kills";
    }
    ASSERT_EQ(lines, inputs);
    const auto read = fanout::fetch::read_journal(directory / "sink.journal");
    EXPECT_EQ(read.done.size(), inputs);
    EXPECT_EQ(read.failed.size(), inputs / 10);
    EXPECT_EQ(read.sink_length, std::filesystem::file_size(directory / "sink"));
  }
}

}  // namespace
