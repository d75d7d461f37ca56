// Calls that are made on the calling thread, to a worker that is checked out for them, and what becomes of those that
// are not over at once.

#include <fanout/fanout.hpp>

#include "support/leaks.hpp"
#include "support/shared_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace direct_calls {

using namespace fanout;
using namespace std::chrono_literals;
using testing::HasSubstr;

class direct_call : public test::leak_checked {};

int square(int x) {
  return x * x;
}
int pid_of(int) {
  return getpid();
}
std::size_t length(const std::string& text) {
  return text.size();
}
std::string repeat(const std::string& what, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += what;
  return all;
}
task<int> square_async(int x) {
  co_return x* x;
}
int meet(int x) {
  if (x == 1) throw std::invalid_argument("one");
  if (x == 2) kill(getpid(), SIGKILL);
  if (x == 3) _exit(3);
  if (x == 4)
    for (;;) pause();
  return x;
}
int wait_for_release(const std::string& page) {
  test::shared_page<2> shared(page);
  shared[0] = getpid();
  while (shared[1] == 0) std::this_thread::yield();
  return 7;
}
int garble(int) {
  const std::string garbage(64, '\xff');  // into the socket to the parent
  return send(3, garbage.data(), garbage.size(), MSG_NOSIGNAL) < 0 ? 1 : 0;
}

/// Until the worker is checked out: then calls cause no switch to another thread of this process.
void warm_up(process_pool& pool) {
  for (int x = 0; x < 50; ++x) ASSERT_EQ(pool.call(remote<square>, x), x * x);
}

failure failure_of(process_pool& pool, int x, submit_options how = {}) {
  try {
    pool.call(remote<meet>, x, how);
  } catch (const error& thrown) {
    return thrown.failure();
  }
  ADD_FAILURE() << "it succeeded";
  return {};
}

TEST_F(direct_call, has_the_result_and_keeps_the_worker) {
  process_pool pool({.processes = 1});
  const int worker = pool.call(remote<pid_of>, 0);
  warm_up(pool);
  EXPECT_EQ(pool.call(remote<pid_of>, 0), worker);
  EXPECT_EQ(pool.call(remote<square_async>, 5), 25) << "a coroutine";
  EXPECT_EQ(pool.call(remote<repeat>.with(std::string("ab")), 3), "ababab");
  EXPECT_EQ(pool.call(remote<length>, std::string(40'000, 'x')), 40'000u) << "too large for a direct call";
  EXPECT_EQ(pool.call(remote<length>, std::string(20'000, 'x')), 20'000u);
  EXPECT_EQ(pool.submit(remote<pid_of>, 0).get(), worker) << "the supervisor has it back";
  EXPECT_EQ(pool.report().workers[0].tasks, 57u);
}

// Without a check-out each call wakes the supervisor's thread, which costs a second switch of this thread's.
TEST_F(direct_call, wakes_nobody_else) {
  process_pool pool({.processes = 1});
  warm_up(pool);
  const auto before = pool.report();  // the supervisor's thread runs for this, and for what follows it need not
  const std::size_t threads = test::live_threads();
  const auto switches = [] {
    std::uint64_t total = 0;
    for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
      if (thread.path().filename() == std::to_string(syscall(SYS_gettid))) continue;
      std::ifstream status(thread.path() / "status");
      for (std::string line; std::getline(status, line);)
        if (line.starts_with("voluntary_ctxt_switches:")) total += std::stoull(line.substr(24));
    }
    return total;
  };
  const std::uint64_t seen = switches();
  for (int x = 0; x < 1000; ++x) ASSERT_EQ(pool.call(remote<square>, x), x * x);
  EXPECT_LT(switches() - seen, 500u) << "a call that is held up goes to the supervisor, but few are";
  EXPECT_EQ(test::live_threads(), threads);
  const auto after = pool.report();
  EXPECT_EQ(after.workers[0].tasks - before.workers[0].tasks, 1000u);
  EXPECT_GE(after.workers[0].bytes_sent, before.workers[0].bytes_sent + 44'000);
}

TEST_F(direct_call, fails_as_a_submitted_one_does) {
  process_pool pool({.processes = 1});
  warm_up(pool);
  const failure thrown = failure_of(pool, 1);
  EXPECT_EQ(thrown.kind, failure_kind::task_failed);
  EXPECT_EQ(thrown.type, "std::invalid_argument");
  for (int round = 0; round < 3; ++round) {
    warm_up(pool);
    const failure died = failure_of(pool, 2);
    EXPECT_EQ(died.kind, failure_kind::worker_died) << died.message;
    EXPECT_EQ(died.signal, SIGKILL);
    EXPECT_THAT(died.message, HasSubstr("mid-task"));
    warm_up(pool);
    const failure left = failure_of(pool, 3);
    EXPECT_EQ(left.kind, failure_kind::worker_died);
    EXPECT_THAT(left.message, HasSubstr("status 3"));
  }
  EXPECT_EQ(pool.report().restarts, 6u);
}

TEST_F(direct_call, over_its_limit_is_ended) {
  process_pool pool({.processes = 1});
  warm_up(pool);
  const failure late = failure_of(pool, 4, {.timeout = 100ms});
  EXPECT_EQ(late.kind, failure_kind::timeout) << late.message;
  warm_up(pool);
}

TEST_F(direct_call, of_a_worker_that_sends_garbage_fails) {
  process_pool pool({.processes = 1});
  warm_up(pool);
  try {
    pool.call(remote<garble>, 0);
    FAIL() << "it succeeded";
  } catch (const error& thrown) {
    EXPECT_EQ(thrown.kind(), failure_kind::worker_died) << thrown.what();
  }
  warm_up(pool);
}

TEST_F(direct_call, that_takes_long_is_the_supervisors) {
  process_pool pool({.processes = 2});
  warm_up(pool);
  test::shared_page<2> page;
  std::jthread calling([&] { EXPECT_EQ(pool.call(remote<wait_for_release>, page.path()), 7); });
  while (page[0] == 0) std::this_thread::yield();
  EXPECT_EQ(pool.submit(remote<square>, 3).get(), 9) << "the other worker does it";
  EXPECT_EQ(pool.map(remote<square>, std::views::iota(0, 100)).size(), 100u);
  page[1] = 1;
}

TEST_F(direct_call, an_idle_worker_may_die) {
  process_pool pool({.processes = 1});
  const int worker = pool.call(remote<pid_of>, 0);
  warm_up(pool);
  kill(worker, SIGKILL);
  while (test::children().contains(worker)) std::this_thread::yield();  // reaped by the pool's thread
  EXPECT_NE(pool.call(remote<pid_of>, 0), worker);
  warm_up(pool);
}

TEST_F(direct_call, killing_the_pool_ends_it) {
  process_pool pool({.processes = 1});
  warm_up(pool);
  test::shared_page<2> page;
  std::jthread calling([&] {
    try {
      pool.call(remote<wait_for_release>, page.path());
      ADD_FAILURE() << "it ended";
    } catch (const error& thrown) {
      EXPECT_EQ(thrown.kind(), failure_kind::cancelled) << thrown.what();
    }
  });
  while (page[0] == 0) std::this_thread::yield();
  pool.kill();
}

TEST_F(direct_call, closing_the_pool_ends_a_worker_that_is_lent) {
  process_pool pool({.processes = 2});
  warm_up(pool);
  pool.close();
  EXPECT_THAT(test::children(), testing::IsEmpty());
  EXPECT_THROW(pool.call(remote<square>, 1), error);
}

TEST_F(direct_call, contexts_that_nobody_uses_are_forgotten) {
  process_pool pool({.processes = 1});
  warm_up(pool);
  for (int round = 0; round < 300; ++round)
    ASSERT_EQ(pool.call(remote<repeat>.with(std::to_string(round)), 2), std::to_string(round) + std::to_string(round));
  EXPECT_EQ(pool.submit(remote<repeat>.with(std::string("x")), 2).get(), "xx");
  warm_up(pool);
}

// A result that waits at a worker to be sent together with others is lost with it, so any caller may be told of a
// death.
TEST_F(direct_call, mixes_with_everything_else) {
  process_pool pool({.processes = 2});
  std::atomic<int> deaths = 0;
  {
    std::vector<std::jthread> callers;
    for (int caller = 0; caller < 8; ++caller)
      callers.emplace_back([&, caller] {
        options collect;
        collect.on_error = on_error::collect;
        for (int x = 0; x < 200; ++x) {
          try {
            if (caller == 0 && x % 50 == 0) {
              const auto mapped = pool.for_each_completed(
                  remote<square>, std::views::iota(0, 200), [](const outcome<int>&) {}, collect);
              EXPECT_EQ(mapped.tasks, 200u);
            } else if (caller == 1) {
              EXPECT_EQ(pool.submit(remote<square>, x).get(), x * x);
            } else if (caller == 2 && x % 40 == 0) {
              pool.call(remote<meet>, 3);
              ADD_FAILURE() << "it lived";
            } else {
              EXPECT_EQ(pool.call(remote<square>, x), x * x);
            }
          } catch (const error& thrown) {
            EXPECT_EQ(thrown.kind(), failure_kind::worker_died) << thrown.what();
            ++deaths;
          }
        }
      });
  }
  EXPECT_GE(deaths, 5);
  EXPECT_EQ(pool.report().restarts, 5u);
}

}  // namespace direct_calls
