// Other programs, run from coroutines.

#include <fanout/async/program.hpp>
#include <fanout/base/failure.hpp>

#include "support/leaks.hpp"
#include "support/run_to_end.hpp"
#include "support/tasks.hpp"
#include "support/temporary_directory.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dlfcn.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <exception>
#include <fstream>
#include <future>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

std::atomic<bool> reap_at_once = false;  // what is started, before whoever started it hears of it

}  // namespace

extern "C" int posix_spawnp(pid_t* pid, const char* file, const posix_spawn_file_actions_t* files,
                            const posix_spawnattr_t* attributes, char* const* arguments, char* const* environment) {
  static const auto real = reinterpret_cast<decltype(&posix_spawnp)>(dlsym(RTLD_NEXT, "posix_spawnp"));
  const int failed = real(pid, file, files, attributes, arguments, environment);
  if (failed == 0 && reap_at_once) waitpid(*pid, nullptr, 0);
  return failed;
}

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using test::run_to_end;
using testing::ElementsAre;
using testing::HasSubstr;

class programs : public test::leak_checked {};

program shell(std::string script) {
  return {.arguments = {"sh", "-c", std::move(script)}};
}

TEST_F(programs, output_errors_and_status_are_told) {
  const auto got = run_to_end(run_program(shell("echo out; echo err >&2; exit 3")));
  EXPECT_EQ(got.output, "out\n");
  EXPECT_EQ(got.errors, "err\n");
  EXPECT_EQ(got.exit_status, 3);
  EXPECT_EQ(got.signal, 0);
  EXPECT_FALSE(got.ok());
  EXPECT_TRUE(run_to_end(run_program(shell("exit 0"))).ok());
}

TEST_F(programs, cpu_time_is_told_with_that_of_children) {
  const auto got = run_to_end(run_program(shell("i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done")));
  EXPECT_GT(got.cpu_user, 5ms);
  const auto waited = run_to_end(run_program(shell("sleep 0.3")));
  EXPECT_LT(waited.cpu_user + waited.cpu_system, 200ms);
  const auto inner = run_to_end(run_program(shell("sh -c 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done'; true")));
  EXPECT_GT(inner.cpu_user, 5ms);
}

TEST_F(programs, a_signal_is_told) {
  const auto got = run_to_end(run_program(shell("kill -TERM $$")));
  EXPECT_EQ(got.signal, SIGTERM);
  EXPECT_FALSE(got.ok());
}

TEST_F(programs, input_arrives_whole_and_ends) {
  program cat{.arguments = {"cat"}};
  EXPECT_EQ(run_to_end(run_program(cat)).output, "");
  cat.input = std::string(3'000'000, 'x') + "end";
  EXPECT_EQ(run_to_end(run_program(cat)).output, cat.input);
  program ignores{.arguments = {"true"}};
  ignores.input = cat.input;
  EXPECT_TRUE(run_to_end(run_program(ignores)).ok());
}

TEST_F(programs, much_on_both_streams_does_not_stall) {
  const auto got = run_to_end(
      run_program(shell("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; head -c 1000000 /dev/zero")));
  EXPECT_EQ(got.output.size(), 2'000'000U);
  EXPECT_EQ(got.errors.size(), 1'000'000U);
}

TEST_F(programs, directory_and_environment_are_as_said) {
  const fanout_test::temporary_directory place;
  program what = shell("pwd -P; echo $NAME; echo ${HOME-none}");
  what.directory = place.path();
  what.environment = std::vector<std::string>{"NAME=value", "PATH=/usr/bin:/bin"};
  EXPECT_THAT(run_to_end(run_program(what)).output, HasSubstr("value\nnone\n"));
  EXPECT_THAT(run_to_end(run_program(what)).output, HasSubstr(place.path().substr(place.path().rfind('/'))));
}

TEST_F(programs, signals_and_descriptors_of_this_process_are_not_handed_on) {
  sigset_t some;
  sigset_t before;
  sigemptyset(&some);
  sigaddset(&some, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &some, &before);
  const auto ignored = std::signal(SIGTERM, SIG_IGN);
  const auto got = run_to_end(run_program(shell("ls /proc/$$/fd; kill -TERM $$; echo alive")));
  std::signal(SIGTERM, ignored);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(got.output, "0\n1\n2\n");
  EXPECT_EQ(got.signal, SIGTERM);
}

TEST_F(programs, one_that_cannot_be_started_is_said_by_name) {
  program none{.arguments = {"no-such-program-of-fanout"}};
  try {
    run_to_end(run_program(none));
    FAIL();
  } catch (const std::system_error& thrown) {
    EXPECT_EQ(thrown.code(), std::errc::no_such_file_or_directory);
    EXPECT_THAT(thrown.what(), HasSubstr("no-such-program-of-fanout"));
  }
  EXPECT_THROW(run_to_end(run_program({})), std::invalid_argument);
  EXPECT_THROW(run_to_end(run_program({.arguments = {"echo", std::string("a\0b", 3)}})), std::invalid_argument);
  program elsewhere = shell("true");
  elsewhere.directory = "/no/such/directory";
  EXPECT_THROW(run_to_end(run_program(elsewhere)), std::system_error);
}

TEST_F(programs, time_limit_kills_the_group_and_keeps_what_was_written) {
  program slow = shell("echo begun; sleep 1000 & sleep 1000");
  slow.timeout = 500ms;
  const auto got = run_to_end(run_program(slow));
  EXPECT_TRUE(got.timed_out);
  EXPECT_EQ(got.signal, SIGKILL);
  EXPECT_EQ(got.output, "begun\n");
  program quick = shell("echo begun");
  quick.timeout = 1h;
  EXPECT_FALSE(run_to_end(run_program(quick)).timed_out);
}

TEST_F(programs, a_time_limit_beyond_the_end_of_the_clock_never_passes) {
  program quick = shell("read line; echo $line");
  quick.input = "begun";
  for (const any_duration<std::chrono::nanoseconds> limit :
       {any_duration<std::chrono::nanoseconds>(std::chrono::nanoseconds::max()),
        any_duration<std::chrono::nanoseconds>(std::chrono::milliseconds::max()),
        any_duration<std::chrono::nanoseconds>(std::chrono::duration<double>(1e300))}) {
    quick.timeout = limit;
    const auto got = run_to_end(run_program(quick));
    EXPECT_FALSE(got.timed_out);
    EXPECT_EQ(got.output, "begun\n");
  }
}

TEST_F(programs, one_that_ends_before_it_reads_its_input_has_ended) {
  const std::string much(40'000'000, 'x');
  for (int i = 0; i < 20; ++i) {
    program rude = shell(i % 2 == 0 ? "exit 3" : "kill -9 $$");
    rude.input = much;
    const auto got = run_to_end(run_program(std::move(rude)));
    EXPECT_EQ(got.exit_status, i % 2 == 0 ? 3 : 0);
    EXPECT_EQ(got.signal, i % 2 == 0 ? 0 : SIGKILL);
  }
}

TEST_F(programs, one_that_has_ended_and_was_reaped_before_it_is_watched_has_ended) {
  reap_at_once = true;
  try {
    run_to_end(run_program(shell("exit 0")));
    ADD_FAILURE() << "how it ended is known";
  } catch (const std::system_error& unknown) {
    EXPECT_EQ(unknown.code(), std::errc::no_child_process) << unknown.what();
  }
  reap_at_once = false;
}

TEST_F(programs, one_that_writes_too_much_is_killed) {
  program endless = shell("yes");
  endless.most_output_bytes = 100'000;
  try {
    run_to_end(run_program(endless));
    FAIL();
  } catch (const error& thrown) {
    EXPECT_EQ(thrown.kind(), failure_kind::too_large);
  }
}

/// Whether a process is gone, or waits only for whoever adopted it to reap it.
bool is_gone(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return true;
  const char state = text[text.rfind(')') + 2];
  return state == 'Z' || state == 'X';
}

/// A signal was sent; the kernel delivers it a moment later.
bool soon_gone(int pid) {
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!is_gone(pid) && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  return is_gone(pid);
}

TEST_F(programs, what_it_leaves_running_ends_with_it) {
  const auto got = run_to_end(run_program(shell("sleep 1000 & echo $!")));
  EXPECT_TRUE(got.ok());
  EXPECT_TRUE(soon_gone(std::stoi(got.output)));
}

TEST_F(programs, one_that_holds_the_output_open_outside_the_group_is_not_waited_for) {
  const auto got = run_to_end(run_program(shell("setsid sleep 1000 & echo $!")));
  EXPECT_TRUE(got.ok());
  const int pid = std::stoi(got.output);
  kill(pid, SIGKILL);
  EXPECT_TRUE(soon_gone(pid));
}

/// Cancels after `turns` turns of the loop, of a program that never ends and never rests.
void cancel_after(int turns) {
  const fanout_test::temporary_directory place;
  program endless = shell("sleep 1000 & echo $! > pid; while :; do echo x; done");
  endless.directory = place.path();
  asio::io_context loop;
  asio::cancellation_signal stop;
  std::exception_ptr failed;
  asio::post(loop, [&] {
    asio::co_spawn(
        loop, run_program(endless),
        asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr why, program_result) { failed = why; }));
  });
  for (int i = 0; i < turns; ++i) loop.run_one();
  stop.emit(asio::cancellation_type::terminal);
  loop.run();
  ASSERT_TRUE(failed);
  EXPECT_THROW(std::rethrow_exception(failed), boost::system::system_error);
  EXPECT_THAT(test::children(), testing::IsEmpty()) << "it is awaited";
  std::ifstream file(place / "pid");
  int pid = 0;
  const bool started = static_cast<bool>(file >> pid);
  EXPECT_TRUE(!started || soon_gone(pid));
}

TEST_F(programs, is_cancelled_wherever_it_waits) {
  for (int turns = 1; turns < 12; ++turns) cancel_after(turns);
}

TEST_F(programs, a_loop_may_be_destroyed_while_one_runs) {
  for (int turns = 0; turns < 4; ++turns) {
    asio::io_context loop;
    asio::co_spawn(loop, run_program(shell("while :; do echo x; done")), [](std::exception_ptr, program_result) {});
    for (int i = 0; i < turns; ++i) loop.run_one();
  }
}

task<std::vector<std::string>> lines_of(program what) {
  auto lines = program_lines(std::move(what));
  std::vector<std::string> all;
  try {
    for (;;) {
      auto next = lines.next();
      auto line = co_await std::move(next);
      if (!line) break;
      all.push_back(std::move(*line));
    }
  } catch (const error& thrown) {
    all.emplace_back(thrown.what());
  }
  co_return all;
}

TEST_F(programs, lines_come_one_by_one) {
  EXPECT_THAT(run_to_end(lines_of(shell("echo a; echo; printf 'b\\nc'"))), ElementsAre("a", "", "b", "c"));
  EXPECT_EQ(run_to_end(lines_of(shell("seq 100000"))).size(), 100'000U);
}

TEST_F(programs, how_it_failed_comes_after_the_last_line) {
  EXPECT_THAT(run_to_end(lines_of(shell("echo a; exit 4"))), ElementsAre("a", "sh exited with status 4"));
  EXPECT_THAT(run_to_end(lines_of(shell("echo a; kill -KILL $$"))), ElementsAre("a", "sh was killed by SIGKILL"));
  program slow = shell("echo a; sleep 1000");
  slow.timeout = 500ms;
  EXPECT_THAT(run_to_end(lines_of(slow)), ElementsAre("a", "sh was over its limit of 500 ms"));
}

task<std::string> first_line(program what) {
  auto lines = program_lines(std::move(what));
  auto next = lines.next();
  auto line = co_await std::move(next);
  co_return line.value();
}

TEST_F(programs, a_line_comes_before_the_end_and_who_stops_asking_ends_the_program) {
  EXPECT_EQ(run_to_end(first_line(shell("echo a; sleep 1000"))), "a");
}

task<int> count_output(int which) {
  auto running = run_program(shell("seq " + std::to_string(which)));
  const auto got = co_await std::move(running);
  co_return static_cast<int>(std::count(got.output.begin(), got.output.end(), '\n'));
}

TEST_F(programs, many_at_once_on_the_threads_of_a_pool) {
  asio::thread_pool pool(3);
  std::vector<std::future<int>> results;
  for (int i = 0; i < 40; ++i) results.push_back(asio::co_spawn(pool, count_output(i), asio::use_future));
  for (int i = 0; i < 40; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)].get(), i);
  pool.join();
}

}  // namespace
