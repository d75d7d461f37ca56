// Futures of calls in worker processes: waiting for any of them, and for one after the other.

#include <fanout/fanout.hpp>

#include "support/leaks.hpp"
#include "support/shared_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace process_futures {

using namespace fanout;
using namespace std::chrono_literals;

int square(int x) {
  return x * x;
}
int endless(const std::string& page) {
  test::shared_page<1> shared(page);
  shared[0] = getpid();
  shared[0].notify_all();
  for (;;) pause();
}
/// Ends when the word of that number is set on the page.
int told(const std::pair<std::string, int>& what) {
  test::shared_page<8> shared(what.first);
  while (shared[static_cast<std::size_t>(what.second)] == 0) ::poll(nullptr, 0, 1);
  return what.second;
}
int dying(int) {
  std::raise(SIGKILL);
  return 0;
}

class futures : public test::leak_checked {};

TEST_F(futures, without_a_call_are_not_valid_and_say_so) {
  process_future<int> none;
  EXPECT_FALSE(none.valid());
  EXPECT_FALSE(none.ready());
  none.cancel();
  EXPECT_THROW(none.get(), std::logic_error);
  EXPECT_THROW(none.wait_for(1ms), std::logic_error);
  EXPECT_THROW(static_cast<void>(none.async_get()), std::logic_error);
  EXPECT_THROW(wait_any(std::vector<process_future<int>>(3)), std::invalid_argument);
  EXPECT_THROW(wait_any_for(std::vector<process_future<int>>(), 1ms), std::invalid_argument);
  for ([[maybe_unused]] const auto& each : as_completed(std::vector<process_future<int>>(3))) ADD_FAILURE();
  process_pool pool({.processes = 1});
  none = pool.submit(remote<square>, 4);
  EXPECT_TRUE(none.valid());
  EXPECT_EQ(none.get(), 16);
  EXPECT_EQ(none.get(), 16);
}

TEST_F(futures, a_limit_beyond_the_end_of_the_clock_is_waited_for) {
  process_pool pool({.processes = 1});
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(pool.submit(remote<square>, 4).wait_for(std::chrono::nanoseconds::max()));
    EXPECT_TRUE(pool.submit(remote<square>, 4).wait_for(std::chrono::hours::max()));
    EXPECT_TRUE(pool.submit(remote<square>, 4).wait_for(std::chrono::duration<double>(1e300)));
    EXPECT_EQ(wait_any_for(std::vector{pool.submit(remote<square>, 4)}, std::chrono::hours::max()), 0);
  }
  test::shared_page<1> page;
  const auto never = pool.submit(remote<endless>, page.path());
  EXPECT_FALSE(never.wait_for(0ms));
  EXPECT_FALSE(never.wait_for(-1h));
  EXPECT_FALSE(wait_any_for(std::vector{never}, std::chrono::hours::min()));
  never.cancel();
}

TEST_F(futures, the_first_of_several_pools_is_waited_for) {
  process_pool one({.processes = 2});
  process_pool two({.processes = 2});
  test::shared_page<8> page;
  std::vector<process_future<int>> all(1);  // without a call: it is never the first
  for (int i = 0; i < 4; ++i) all.push_back((i % 2 ? one : two).submit(remote<told>, std::pair(page.path(), i)));
  EXPECT_EQ(wait_any_for(all, 1ms), std::nullopt);
  for (const int next : {2, 0, 3, 1}) {
    page[static_cast<std::size_t>(next)] = 1;
    const auto at = wait_any(all);
    EXPECT_EQ(all[static_cast<std::size_t>(at)].get(), next);
    all.erase(all.begin() + at);
  }
  EXPECT_EQ(all.size(), 1U);
}

TEST_F(futures, come_in_the_order_in_which_they_end) {
  process_pool one({.processes = 2});
  process_pool two({.processes = 2});
  test::shared_page<8> page;
  std::vector<process_future<int>> all;
  for (int i = 0; i < 4; ++i) all.push_back((i % 2 ? one : two).submit(remote<told>, std::pair(page.path(), i)));
  const std::vector<int> order{2, 0, 3, 1};
  std::vector<int> seen;
  const auto let_go = [&](int which) { page[static_cast<std::size_t>(which)] = 1; };
  let_go(order[0]);
  for (const auto& [index, future] : as_completed(all)) {
    EXPECT_TRUE(future.ready());
    EXPECT_EQ(future.get(), static_cast<int>(index));
    seen.push_back(future.get());
    if (seen.size() < order.size()) let_go(order[seen.size()]);
  }
  EXPECT_EQ(seen, order);
}

TEST_F(futures, that_fail_come_too_and_leaving_early_ends_no_call) {
  process_pool pool({.processes = 2});
  std::vector<process_future<int>> all{pool.submit(remote<dying>, 1), pool.submit(remote<square>, 3)};
  int died = 0;
  for (const auto& [index, future] : as_completed(all)) {
    try {
      EXPECT_EQ(future.get(), 9);
    } catch (const error& thrown) {
      EXPECT_EQ(thrown.kind(), failure_kind::worker_died);
      EXPECT_EQ(index, 0U);
      ++died;
    }
  }
  EXPECT_EQ(died, 1);
  std::vector<process_future<int>> more;
  for (int i = 0; i < 10; ++i) more.push_back(pool.submit(remote<square>, i));
  for ([[maybe_unused]] const auto& each : as_completed(more)) break;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(more[static_cast<std::size_t>(i)].get(), i * i);
}

TEST_F(futures, of_a_pool_that_is_gone_are_all_ready) {
  std::vector<process_future<int>> all;
  {
    process_pool pool({.processes = 1});
    test::shared_page<1> page;
    for (int i = 0; i < 3; ++i) all.push_back(pool.submit(remote<endless>, page.path()));
  }
  int count = 0;
  for (const auto& [index, future] : as_completed(all)) {
    EXPECT_THROW(future.get(), error);
    ++count;
  }
  EXPECT_EQ(count, 3);
}

TEST_F(futures, many_threads_wait_for_the_same_and_for_their_own) {
  process_pool one({.processes = 2});
  process_pool two({.processes = 2});
  constexpr int count = 200;
  std::vector<process_future<int>> shared;
  for (int i = 0; i < count; ++i) shared.push_back((i % 2 ? one : two).submit(remote<square>, i));
  std::atomic<long> sum{0};
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 6; ++thread)
      threads.emplace_back([&, thread] {
        if (thread % 2 == 0) {
          for (const auto& [index, future] : as_completed(shared)) {
            EXPECT_EQ(future.get(), static_cast<int>(index * index));
            ++sum;
          }
          return;
        }
        std::vector<process_future<int>> own;
        for (int i = 0; i < count; ++i) own.push_back((i % 3 ? one : two).submit(remote<square>, i));
        while (!own.empty()) {
          const auto at = own.begin() + wait_any(own);
          EXPECT_TRUE(at->ready());
          own.erase(at);
          ++sum;
        }
      });
  }
  EXPECT_EQ(sum, 6 * count);
}

TEST_F(futures, call_back_once_on_the_thread_of_the_pool_or_at_once) {
  std::atomic<int> calls{0};
  process_pool pool({.processes = 1});
  const auto slow = pool.submit(remote<square>, 7);
  slow.when_done([&, slow] {
    EXPECT_EQ(slow.get(), 49) << "get does not wait there";
    ++calls;
    calls.notify_all();
  });
  calls.wait(0);
  EXPECT_EQ(calls, 1);
  std::thread::id here;
  slow.when_done([&] {
    here = std::this_thread::get_id();
    ++calls;
  });
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(here, std::this_thread::get_id());
  EXPECT_THROW(process_future<int>().when_done([] {}), std::logic_error);
}

TEST_F(futures, call_back_where_the_worker_dies_or_the_pool_ends) {
  const test::shared_page<1> page;
  std::atomic<int> calls{0};
  std::vector<process_future<int>> all;
  {
    process_pool pool({.processes = 1});
    all.push_back(pool.submit(remote<dying>, 0));
    all.back().when_done([&] { ++calls; });
    EXPECT_THROW(all.back().get(), error);
    all.push_back(pool.submit(remote<endless>, page.path()));
    all.back().when_done([&] { ++calls; });
    all.push_back(pool.submit(remote<square>, 1));  // waits behind it
    all.back().when_done([&] { ++calls; });
  }
  EXPECT_EQ(calls, 3);
}

}  // namespace process_futures
