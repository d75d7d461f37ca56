// One call in a worker process, from a coroutine.

#include <fanout/fanout.hpp>

#include "support/leaks.hpp"
#include "support/run_to_end.hpp"
#include "support/shared_page.hpp"
#include "support/tasks.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace to_process_calls {

using namespace fanout;
using namespace std::chrono_literals;
using test::run_to_end;
using testing::HasSubstr;

int pid_of(int) {
  return getpid();
}
std::string repeat(const std::string& prefix, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += prefix;
  return all;
}
std::size_t length(const std::string& text) {
  return text.size();
}
task<int> square(int x) {
  task<void> turn = test::yield();
  co_await std::move(turn);
  co_return x* x;
}
void nothing(int) {}
int failing(int) {
  throw std::invalid_argument("no");
}
int refused(int) {
  throw error(failure_kind::status, "404");
}
int dying(int signal) {
  if (signal == 0) std::_Exit(3);
  std::raise(signal);
  return 0;
}
int endless(const std::string& page) {
  test::shared_page<1> shared(page);
  shared[0] = getpid();
  shared[0].notify_all();
  for (;;) pause();
}
task<int> endless_async(int) {
  task<void> rest = test::pause(1h);
  co_await std::move(rest);
  co_return 0;
}
int hang_at_exit(int x) {
  std::atexit([] {
    for (;;) pause();
  });
  return x;
}

class to_processes : public test::leak_checked {};

TEST_F(to_processes, the_call_is_made_in_another_process) {
  const int pid = run_to_end(to_process(remote<pid_of>, 1));
  EXPECT_NE(pid, getpid());
  EXPECT_NE(run_to_end(to_process(remote<pid_of>, 1)), pid) << "each call has its own";
}

TEST_F(to_processes, functions_of_each_kind) {
  EXPECT_EQ(run_to_end(to_process(remote<square>, 12)), 144);
  EXPECT_EQ(run_to_end(to_process(remote<repeat>.with(std::string("ab")), 3)), "ababab");
  run_to_end(to_process(remote<nothing>, 1));
}

TEST_F(to_processes, values_larger_than_a_socket_takes_at_once) {
  EXPECT_EQ(run_to_end(to_process(remote<length>, std::string(20'000'000, 'x'))), 20'000'000U);
  EXPECT_EQ(run_to_end(to_process(remote<repeat>.with(std::string(1'000, 'x')), 10'000)).size(), 10'000'000U);
}

template <class T>
failure failure_of(task<T> work) {
  try {
    run_to_end(std::move(work));
  } catch (const error& thrown) {
    return thrown.failure();
  }
  ADD_FAILURE() << "it did not fail";
  return {};
}

TEST_F(to_processes, what_the_function_throws_arrives) {
  const failure own = failure_of(to_process(remote<failing>, 1));
  EXPECT_EQ(own.kind, failure_kind::task_failed);
  EXPECT_EQ(own.message, "no");
  EXPECT_EQ(own.type, "std::invalid_argument");
  EXPECT_EQ(failure_of(to_process(remote<refused>, 1)).kind, failure_kind::status);
}

TEST_F(to_processes, its_death_is_told) {
  for (const int signal : {SIGKILL, SIGTERM}) {  // a sanitizer makes an exit of others
    const failure died = failure_of(to_process(remote<dying>, signal));
    EXPECT_EQ(died.kind, failure_kind::worker_died);
    EXPECT_EQ(died.signal, signal);
  }
  const failure exited = failure_of(to_process(remote<dying>, 0));
  EXPECT_EQ(exited.kind, failure_kind::worker_died);
  EXPECT_EQ(exited.signal, 0);
  EXPECT_THAT(exited.message, HasSubstr("exited with status 3"));
}

/// Kills the worker after `turns` turns of the loop, while most of its input is unsent, and goes on when it is a
/// zombie. Returns the failure.
std::optional<failure> died_after(int turns) {
  asio::io_context loop;
  std::exception_ptr failed;
  asio::co_spawn(loop, to_process(remote<length>, std::string(40'000'000, 'x')),
                 [&](std::exception_ptr why, std::size_t) { failed = why; });
  int worker = 0;
  for (int turn = 0; (turn < turns || worker == 0) && !loop.stopped(); ++turn) {
    loop.run_one();
    const auto there = test::children();
    if (worker == 0 && !there.empty()) worker = *there.begin();
  }
  if (loop.stopped()) return std::nullopt;
  kill(worker, SIGKILL);
  siginfo_t ended{};
  EXPECT_EQ(waitid(P_PID, static_cast<id_t>(worker), &ended, WEXITED | WNOWAIT), 0);
  loop.run();
  try {
    if (failed) std::rethrow_exception(failed);
  } catch (const error& thrown) {
    return thrown.failure();
  } catch (const std::exception& other) {
    ADD_FAILURE() << "after " << turns << " turns: " << other.what();
  }
  return std::nullopt;
}

TEST_F(to_processes, a_worker_that_dies_before_it_has_its_input_has_died) {
  for (const int turns : {1, 2, 3, 4, 6, 10, 20}) {
    const auto died = died_after(turns);
    ASSERT_TRUE(died) << turns;
    EXPECT_EQ(died->kind, failure_kind::worker_died);
    EXPECT_EQ(died->signal, SIGKILL);
  }
}

TEST_F(to_processes, one_that_dies_at_any_age_has_died_or_has_answered) {
  for (int age = 0; age < (test::sanitized ? 20 : 60); ++age) {
    asio::io_context loop;
    std::exception_ptr failed;
    std::optional<std::size_t> value;
    asio::co_spawn(loop, to_process(remote<length>, std::string(4'000'000, 'x')),
                   [&](std::exception_ptr why, std::size_t got) {
                     failed = why;
                     if (!why) value = got;
                   });
    while (test::children().empty() && !loop.stopped()) loop.run_one();
    const auto shot = std::chrono::steady_clock::now() + age * (test::sanitized ? 2ms : 300us);
    while (std::chrono::steady_clock::now() < shot) loop.run_one_for(100us);
    for (const int worker : test::children()) kill(worker, SIGKILL);
    loop.run();
    if (!failed) {
      EXPECT_EQ(value, 4'000'000U);
      continue;
    }
    try {
      std::rethrow_exception(failed);
    } catch (const error& thrown) {
      EXPECT_EQ(thrown.kind(), failure_kind::worker_died) << thrown.what();
    } catch (const std::exception& other) {
      ADD_FAILURE() << "killed at " << age << ": " << other.what();
    }
  }
}

TEST_F(to_processes, the_time_limit_is_hard) {
  test::shared_page<1> page;
  const failure late = failure_of(to_process(remote<endless>, page.path(), {.timeout = 300ms}));
  EXPECT_EQ(late.kind, failure_kind::timeout);
  EXPECT_THAT(late.message, HasSubstr("300 ms"));
  EXPECT_GE(late.elapsed, 300ms);
  EXPECT_EQ(failure_of(to_process(remote<endless_async>, 1, {.timeout = 300ms})).kind, failure_kind::timeout);
  EXPECT_EQ(run_to_end(to_process(remote<square>, 3, {.timeout = 1h})), 9);
}

TEST_F(to_processes, a_time_limit_beyond_the_end_of_the_clock_never_passes) {
  EXPECT_EQ(run_to_end(to_process(remote<square>, 3, {.timeout = std::chrono::nanoseconds::max()})), 9);
  EXPECT_EQ(run_to_end(to_process(remote<square>, 4, {.timeout = std::chrono::hours::max()})), 16);
  EXPECT_EQ(run_to_end(to_process(remote<square>, 5, {.timeout = std::chrono::duration<double>(1e300)})), 25);
}

TEST_F(to_processes, a_worker_that_hangs_at_its_exit_is_killed_and_its_result_is_kept) {
  EXPECT_EQ(run_to_end(to_process(remote<hang_at_exit>, 8)), 8);
}

/// Cancels after `turns` turns of the loop. Returns whether it was in time.
bool cancelled_after(int turns) {
  asio::io_context loop;
  asio::cancellation_signal stop;
  std::exception_ptr failed;
  std::optional<int> value;
  asio::post(loop, [&] {
    asio::co_spawn(loop, to_process(remote<square>, 7),
                   asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr why, int got) {
                     failed = why;
                     value = got;
                   }));
  });
  for (int i = 0; i < turns && !loop.stopped(); ++i) loop.run_one();
  const bool in_time = !loop.stopped() && !value;
  if (in_time) stop.emit(asio::cancellation_type::terminal);
  loop.run();
  EXPECT_THAT(test::children(), testing::IsEmpty());
  if (!failed) {
    EXPECT_EQ(value, 49);
  } else {
    EXPECT_THROW(std::rethrow_exception(failed), boost::system::system_error);
  }
  return in_time;
}

TEST_F(to_processes, cancelled_wherever_it_waits_the_worker_is_gone) {
  int turns = 1;
  while (cancelled_after(turns)) ++turns;
  EXPECT_GE(turns, 3);
}

TEST_F(to_processes, one_that_would_never_end_is_cancelled) {
  test::shared_page<1> page;
  asio::io_context loop;
  asio::cancellation_signal stop;
  std::exception_ptr failed;
  asio::co_spawn(loop, to_process(remote<endless>, page.path()),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr why, int) { failed = why; }));
  while (page[0] == 0) loop.run_one_for(1ms);
  stop.emit(asio::cancellation_type::terminal);
  loop.run();
  EXPECT_THROW(std::rethrow_exception(failed), boost::system::system_error);
  EXPECT_EQ(kill(page[0], 0), -1) << "killed, and reaped";
}

TEST_F(to_processes, a_loop_may_be_destroyed_while_one_is_under_way) {
  test::shared_page<1> page;
  {
    asio::io_context loop;
    asio::co_spawn(loop, to_process(remote<endless>, page.path()), [](std::exception_ptr, int) {});
    while (page[0] == 0) loop.run_one_for(1ms);
  }
  EXPECT_EQ(kill(page[0], 0), -1);
}

TEST_F(to_processes, many_at_once_on_the_threads_of_a_pool) {
  asio::thread_pool pool(3);
  std::vector<std::future<int>> results;
  for (int i = 0; i < 12; ++i) results.push_back(asio::co_spawn(pool, to_process(remote<square>, i), asio::use_future));
  for (int i = 0; i < 12; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)].get(), i * i);
  pool.join();
}

// On a pool --------------------------------------------------------------------------------------------------------

TEST_F(to_processes, a_pool_keeps_the_worker) {
  process_pool pool({.processes = 1});
  {
    const auto never_awaited = to_process(pool, remote<pid_of>, 1);
  }
  EXPECT_THAT(test::children(), testing::IsEmpty()) << "nothing happens before it is awaited";
  const int pid = run_to_end(to_process(pool, remote<pid_of>, 1));
  EXPECT_NE(pid, getpid());
  EXPECT_EQ(run_to_end(to_process(pool, remote<pid_of>, 1)), pid);
  EXPECT_EQ(run_to_end(to_process(pool, remote<square>, 12)), 144);
  EXPECT_EQ(run_to_end(to_process(pool, remote<repeat>.with(std::string("ab")), 3)), "ababab");
  run_to_end(to_process(pool, remote<nothing>, 1));
}

TEST_F(to_processes, on_a_pool_failures_arrive_and_the_pool_goes_on) {
  process_pool pool({.processes = 1});
  EXPECT_EQ(failure_of(to_process(pool, remote<failing>, 1)).type, "std::invalid_argument");
  EXPECT_EQ(failure_of(to_process(pool, remote<dying>, SIGKILL)).signal, SIGKILL);
  test::shared_page<1> page;
  const failure late = failure_of(to_process(pool, remote<endless>, page.path(), {.timeout = 200ms}));
  EXPECT_EQ(late.kind, failure_kind::timeout);
  EXPECT_EQ(run_to_end(to_process(pool, remote<square>, 3)), 9);
  pool.close();
  EXPECT_EQ(failure_of(to_process(pool, remote<square>, 3)).kind, failure_kind::refused_by_policy);
}

TEST_F(to_processes, on_a_pool_cancelling_ends_the_call_alone) {
  process_pool pool({.processes = 1});
  test::shared_page<1> page;
  asio::io_context loop;
  asio::cancellation_signal stop;
  std::exception_ptr failed;
  asio::co_spawn(loop, to_process(pool, remote<endless>, page.path()),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr why, int) { failed = why; }));
  while (page[0] == 0) loop.run_one_for(1ms);
  stop.emit(asio::cancellation_type::terminal);
  loop.run();
  EXPECT_THROW(std::rethrow_exception(failed), boost::system::system_error);
  EXPECT_EQ(kill(page[0], 0), -1) << "killed, and reaped";
  EXPECT_EQ(run_to_end(to_process(pool, remote<square>, 5)), 25);
}

TEST_F(to_processes, a_pool_serves_the_threads_of_another) {
  process_pool workers({.processes = 2});
  asio::thread_pool threads(3);
  std::vector<std::future<int>> results;
  for (int i = 0; i < 50; ++i)
    results.push_back(asio::co_spawn(threads, to_process(workers, remote<square>, i), asio::use_future));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)].get(), i * i);
  threads.join();
}

}  // namespace to_process_calls
