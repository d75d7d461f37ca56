// Worker processes that outlive a run.

#include <fanout/fanout.hpp>

#include "support/leaks.hpp"
#include "support/shared_page.hpp"
#include "support/tasks.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <numeric>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace pools {

using namespace fanout;
using namespace std::chrono_literals;
using testing::HasSubstr;

int square(int x) {
  return x * x;
}
task<int> square_async(int x) {
  task<void> turn = test::yield();
  co_await std::move(turn);
  co_return x* x;
}
int pid_of(int) {
  return getpid();
}
struct arithmetic {
  static int minus_one(int x) { return x - 1; }
};
std::string repeat(const std::string& what, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += what;
  return all;
}
void nothing(int) {}
int failing(int x) {
  if (x == 3) throw std::invalid_argument("three");
  return x;
}
int dying(int x) {
  if (x == 3) kill(getpid(), SIGKILL);
  return x;
}
int endless(const std::string& page) {
  test::shared_page<2> shared(page);
  shared[0] = getpid();
  ++shared[1];
  for (;;) pause();
}

class pool : public test::leak_checked {};

std::vector<int> squares(int count) {
  std::vector<int> all;
  for (int x = 0; x < count; ++x) all.push_back(x * x);
  return all;
}

TEST_F(pool, maps_in_order) {
  process_pool workers({.processes = 2});
  EXPECT_EQ(workers.map(remote<square>, std::views::iota(0, 5000)), squares(5000));
  EXPECT_EQ(workers.map(remote<square_async>, std::views::iota(0, 50)), squares(50)) << "coroutines, too";
  EXPECT_EQ(workers.map(remote<arithmetic::minus_one>, std::vector{1, 2}), (std::vector{0, 1}));
  EXPECT_EQ(workers.map(remote<repeat>.with(std::string("ab")), std::vector{0, 2}),
            (std::vector<std::string>{"", "abab"}));
  workers.map(remote<nothing>, std::vector{1});
}

TEST_F(pool, keeps_its_workers) {
  process_pool workers({.processes = 1});
  const int first = workers.submit(remote<pid_of>, 1).get();
  EXPECT_NE(first, getpid());
  EXPECT_EQ(workers.submit(remote<pid_of>, 1).get(), first);
  EXPECT_THAT(workers.map(remote<pid_of>, std::views::iota(0, 20)), testing::Each(first));
}

TEST_F(pool, starts_no_worker_before_it_has_work) {
  process_pool workers({.processes = 4});
  EXPECT_THAT(test::children(), testing::IsEmpty());
  workers.submit(remote<square>, 1).get();
  EXPECT_EQ(test::children().size(), 1u);
}

TEST_F(pool, hands_over_outcomes_as_they_complete) {
  process_pool workers({.processes = 2});
  std::set<std::uint64_t> seen;
  const std::thread::id here = std::this_thread::get_id();
  const report cost = workers.for_each_completed(remote<square>, std::views::iota(0, 1000), [&](outcome<int> out) {
    EXPECT_EQ(std::this_thread::get_id(), here);
    EXPECT_EQ(out.value(), static_cast<int>(out.index * out.index));
    EXPECT_TRUE(seen.insert(out.index).second);
  });
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_EQ(cost.tasks, 1000u);
  EXPECT_GE(cost.ipc_bytes, 8000u);
}

TEST_F(pool, does_not_read_far_ahead) {
  process_pool workers({.processes = 1});
  int pulled = 0;
  int done = 0;
  const auto inputs = [&]() -> std::optional<int> { return pulled < 200 ? std::optional(pulled++) : std::nullopt; };
  workers.for_each_completed(remote<square>, inputs, [&](const outcome<int>&) {
    if (done++ == 0) {
      EXPECT_LE(pulled, 2) << "nothing is known of the tasks yet";
    }
  });
  EXPECT_EQ(done, 200);
}

TEST_F(pool, fails_fast_or_collects) {
  process_pool workers({.processes = 2});
  EXPECT_THROW(workers.map(remote<failing>, std::views::iota(0)), error);
  options collect;
  collect.on_error = on_error::collect;
  std::size_t failed = 0;
  workers.for_each_completed(
      remote<failing>, std::views::iota(0, 10),
      [&](const outcome<int>& out) {
        if (out.ok()) return;
        ++failed;
        EXPECT_EQ(out.index, 3u);
        EXPECT_EQ(out.error().type, "std::invalid_argument");
      },
      collect);
  EXPECT_EQ(failed, 1u);
}

TEST_F(pool, survives_its_workers) {
  process_pool workers({.processes = 2});
  for (int round = 0; round < 3; ++round) {
    const auto died = workers.submit(remote<dying>, 3);
    try {
      died.get();
      ADD_FAILURE() << "it did not die";
    } catch (const error& thrown) {
      EXPECT_EQ(thrown.kind(), failure_kind::worker_died);
      EXPECT_EQ(thrown.failure().signal, SIGKILL);
    }
    EXPECT_EQ(workers.submit(remote<square>, 4).get(), 16);
  }
  EXPECT_EQ(workers.report().restarts, 3u);
}

TEST_F(pool, a_limit_is_hard) {
  process_pool workers({.processes = 1});
  test::shared_page<2> page;
  try {
    workers.submit(remote<endless>, page.path(), {.timeout = 200ms}).get();
    FAIL() << "it ended";
  } catch (const error& thrown) {
    EXPECT_EQ(thrown.kind(), failure_kind::timeout) << thrown.what();
    EXPECT_THAT(thrown.what(), HasSubstr("200 ms"));
  }
  EXPECT_EQ(kill(page[0], 0), -1);
}

template <class T>
T run_to_end(task<T> work) {
  asio::io_context loop;
  auto result = asio::co_spawn(loop, std::move(work), asio::use_future);
  loop.run();
  return result.get();
}

TEST_F(pool, futures_can_be_awaited_on_any_loop) {
  process_pool workers({.processes = 2});
  auto first = workers.submit(remote<square>, 7);
  auto second = workers.submit(remote<failing>, 3);
  EXPECT_EQ(run_to_end(first.async_get()), 49);
  EXPECT_EQ(first.get(), 49) << "again, and from a thread";
  EXPECT_THROW(run_to_end(second.async_get()), error);
  std::jthread other([&] { EXPECT_EQ(run_to_end(workers.submit(remote<square>, 8).async_get()), 64); });
}

TEST_F(pool, cancelling_who_awaits_ends_the_call) {
  process_pool workers({.processes = 1});
  test::shared_page<2> page;
  asio::io_context loop;
  asio::cancellation_signal stop;
  std::exception_ptr failed;
  const auto future = workers.submit(remote<endless>, page.path());
  asio::co_spawn(loop, future.async_get(),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr why, int) { failed = why; }));
  while (page[1] == 0) loop.run_one_for(1ms);
  stop.emit(asio::cancellation_type::terminal);
  loop.run();
  EXPECT_THROW(std::rethrow_exception(failed), boost::system::system_error);
  EXPECT_EQ(kill(page[0], 0), -1) << "killed, and reaped";
  EXPECT_THROW(future.get(), error);
  EXPECT_EQ(workers.submit(remote<square>, 5).get(), 25);
}

TEST_F(pool, a_loop_may_be_destroyed_while_it_waits) {
  process_pool workers({.processes = 1});
  test::shared_page<2> page;
  {
    asio::io_context loop;
    asio::co_spawn(loop, workers.submit(remote<endless>, page.path()).async_get(), [](std::exception_ptr, int) {});
    while (page[1] == 0) loop.run_one_for(1ms);
  }
  EXPECT_EQ(workers.submit(remote<square>, 5).get(), 25) << "the worker was freed";
}

TEST_F(pool, a_call_that_waits_can_be_dropped) {
  process_pool workers({.processes = 1});
  test::shared_page<2> page;
  const auto busy = workers.submit(remote<endless>, page.path());
  while (page[1] == 0) std::this_thread::yield();
  const auto waiting = workers.submit(remote<endless>, page.path());
  waiting.cancel();
  EXPECT_THROW(waiting.get(), error);
  EXPECT_FALSE(busy.ready());
  busy.cancel();
  EXPECT_THROW(busy.get(), error);
  EXPECT_EQ(page[1], 1);
}

/// Ends when it is told to.
int wait_for_word(const std::string& page) {
  test::shared_page<2> shared(page);
  ++shared[0];
  while (shared[1] == 0) std::this_thread::yield();
  return 7;
}
int count_call(const std::string& page, int x) {
  ++test::shared_page<2>(page)[0];
  return x;
}

/// Cancels calls behind one that does not end, all but one. Whether its worker gave some back, which is all that it can
/// say meanwhile.
bool call_back(process_pool& workers) {
  test::shared_page<2> gate;
  test::shared_page<2> calls;
  workers.map(remote<square>, std::views::iota(0, 5000));
  const auto heard = workers.report().workers.at(0).bytes_received;
  const auto busy = workers.submit(remote<wait_for_word>, gate.path());
  std::vector<process_future<int>> waiting;
  for (int x = 0; x < 50; ++x) waiting.push_back(workers.submit(remote<count_call>.with(calls.path()), x));
  while (gate[0] == 0) std::this_thread::yield();
  for (int x = 0; x < 50; ++x)
    if (x != 20) waiting[static_cast<std::size_t>(x)].cancel();
  for (int x = 0; x < 50; ++x) {
    if (x == 20) continue;
    try {
      waiting[static_cast<std::size_t>(x)].get();
      ADD_FAILURE() << x << " was made";
    } catch (const error& thrown) {
      EXPECT_EQ(thrown.kind(), failure_kind::cancelled);
    }
  }
  EXPECT_FALSE(busy.ready());
  EXPECT_EQ(calls[0], 0);
  const bool gave_back = workers.report().workers.at(0).bytes_received > heard;
  gate[1] = 1;
  EXPECT_EQ(busy.get(), 7) << "its worker is not killed for the others";
  EXPECT_EQ(waiting[20].get(), 20);
  EXPECT_EQ(calls[0], 1);
  return gave_back;
}

// The tasks before them turn out short, so they are handed over, to wait at the worker; unless the one before has been
// under way for too long by then, and they wait here.
TEST_F(pool, calls_that_wait_at_a_worker_are_called_back) {
  process_pool workers({.processes = 1});
  while (!call_back(workers)) {
  }
  EXPECT_EQ(workers.report().restarts, 0u);
}

// Closing ------------------------------------------------------------------------------------------------------------

TEST_F(pool, close_finishes_what_was_submitted) {
  process_pool workers({.processes = 2});
  std::vector<process_future<int>> all;
  for (int x = 0; x < 100; ++x) all.push_back(workers.submit(remote<square>, x));
  workers.close();
  EXPECT_THAT(test::children(), testing::IsEmpty());
  for (int x = 0; x < 100; ++x) EXPECT_EQ(all[static_cast<std::size_t>(x)].get(), x * x);
  EXPECT_THROW(static_cast<void>(workers.submit(remote<square>, 1)), error);
  EXPECT_THROW(workers.map(remote<square>, std::vector{1}), error);
  workers.close();
}

TEST_F(pool, destroying_it_kills) {
  test::shared_page<2> page;
  std::optional<process_future<int>> left;
  {
    process_pool workers({.processes = 1});
    left = workers.submit(remote<endless>, page.path());
    while (page[1] == 0) std::this_thread::yield();
  }
  try {
    left->get();
    FAIL() << "it ended";
  } catch (const error& thrown) {
    EXPECT_EQ(thrown.kind(), failure_kind::cancelled) << thrown.what();
  }
  left->cancel();
}

TEST_F(pool, stop_drops_what_no_worker_has) {
  process_pool workers({.processes = 1});
  test::shared_page<2> page;
  const auto busy = workers.submit(remote<endless>, page.path());
  while (page[1] == 0) std::this_thread::yield();
  const auto waiting = workers.submit(remote<square>, 1);
  std::jthread stopping([&] { workers.stop(); });
  EXPECT_THROW(waiting.get(), error);
  EXPECT_FALSE(busy.ready());
  busy.cancel();
}

// Many callers -------------------------------------------------------------------------------------------------------

TEST_F(pool, serves_20_threads_at_once) {
  process_pool workers({.processes = 2, .threads = 2});
  std::vector<std::jthread> callers;
  for (int caller = 0; caller < 20; ++caller)
    callers.emplace_back([&workers, caller] {
      if (caller % 2 == 0) {
        EXPECT_EQ(workers.map(remote<square>, std::views::iota(0, 300)), squares(300));
      } else {
        std::vector<process_future<int>> all;
        for (int x = 0; x < 50; ++x) all.push_back(workers.submit(remote<square>, x));
        for (int x = 0; x < 50; ++x) EXPECT_EQ(all[static_cast<std::size_t>(x)].get(), x * x);
      }
    });
}

TEST_F(pool, forgets_contexts_that_nobody_uses) {
  process_pool workers({.processes = 1});
  for (int round = 0; round < 300; ++round)
    EXPECT_EQ(workers.submit(remote<repeat>.with(std::to_string(round)), 2).get(),
              std::to_string(round) + std::to_string(round));
}

TEST_F(pool, coroutines_share_its_lanes) {
  process_pool workers({.processes = 1, .in_flight = 8});
  EXPECT_EQ(workers.map(remote<square_async>, std::views::iota(0, 100)), squares(100));
  EXPECT_THROW(static_cast<void>(workers.submit(remote<square>, 1)), std::invalid_argument);
  EXPECT_THROW(workers.map(remote<square>, std::vector{1}), std::invalid_argument);
}

int sum_in_a_pool(int count) {
  process_pool inner({.processes = 2});
  const auto all = inner.map(remote<square>, std::views::iota(0, count));
  return std::accumulate(all.begin(), all.end(), 0);
}

TEST_F(pool, a_worker_may_have_a_pool) {
  process_pool workers({.processes = 2});
  EXPECT_EQ(workers.map(remote<sum_in_a_pool>, std::vector{3, 4}), (std::vector{5, 14}));
}

}  // namespace pools
