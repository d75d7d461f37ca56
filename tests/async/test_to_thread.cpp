// Calls that block, from coroutines.

#include <fanout/async/gather.hpp>
#include <fanout/async/sync_wait.hpp>
#include <fanout/async/to_thread.hpp>
#include <fanout/base/failure.hpp>

#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace fanout;

class to_threads : public test::leak_checked {
 protected:
  static void SetUpTestSuite() {  // the shared threads stay until the program ends
    test::settle_sanitizer();
    run_to_end(to_thread([] {}));
  }

  template <class T>
  static T run_to_end(task<T> work) {
    asio::io_context loop;
    auto result = asio::co_spawn(loop, std::move(work), asio::use_future);
    loop.run();
    return result.get();
  }
};

task<std::thread::id> id_of_shared() {
  auto call = to_thread([] { return std::this_thread::get_id(); });
  co_return co_await std::move(call);
}

TEST_F(to_threads, the_call_is_made_on_another_thread) {
  EXPECT_NE(run_to_end(id_of_shared()), std::this_thread::get_id());
}

int add_to(int& sum, std::unique_ptr<int> box) {
  sum += *box;
  return sum;
}

TEST_F(to_threads, arguments_and_results_may_be_movable_only_and_references_are_said) {
  thread_executor threads({.threads = 1});
  int sum = 1;
  EXPECT_EQ(run_to_end(to_thread(threads, add_to, std::ref(sum), std::make_unique<int>(41))), 42);
  EXPECT_EQ(sum, 42);
  const auto box = run_to_end(to_thread(threads, [](int x) { return std::make_unique<int>(x); }, 7));
  EXPECT_EQ(*box, 7);
  std::string text = "mine";
  EXPECT_EQ(run_to_end(to_thread(threads, [](const std::string& copy) { return copy; }, text)), "mine");
}

TEST_F(to_threads, an_exception_arrives_as_it_is) {
  thread_executor threads({.threads = 1});
  EXPECT_THROW(run_to_end(to_thread(threads, [] { throw std::invalid_argument("no"); })), std::invalid_argument);
}

TEST_F(to_threads, nothing_happens_unless_it_is_awaited) {
  thread_executor threads({.threads = 1});
  {
    auto unawaited = to_thread(threads, [] { FAIL(); });
  }
  EXPECT_EQ(threads.statistics().threads, 0U);
}

/// A call that tells that it runs and ends when it is allowed to.
struct gate {
  std::latch running{1};
  std::latch open{1};
  int hold(int value) {
    running.count_down();
    open.wait();
    return value;
  }
};

/// A coroutine on a loop of its own, which can be cancelled.
template <class T>
struct spawned {
  asio::io_context loop;
  asio::cancellation_signal stop;
  std::exception_ptr failed;
  std::optional<T> value;

  explicit spawned(task<T> work) {
    asio::co_spawn(loop, std::move(work),
                   asio::bind_cancellation_slot(stop.slot(), [this](std::exception_ptr why, T got) {
                     failed = why;
                     if (!why) value = std::move(got);
                   }));
  }
  void cancel() { stop.emit(asio::cancellation_type::terminal); }
  bool aborted() const {
    try {
      if (failed) std::rethrow_exception(failed);
    } catch (const boost::system::system_error& thrown) {
      return thrown.code() == asio::error::operation_aborted;
    }
    return false;
  }
};

TEST_F(to_threads, one_that_waits_for_a_thread_is_dropped_when_it_is_cancelled) {
  thread_executor threads({.threads = 1});
  gate first;
  spawned<int> busy(to_thread(threads, &gate::hold, &first, 1));
  busy.loop.poll();
  first.running.wait();
  spawned<int> waiting(to_thread(threads, [] { return ADD_FAILURE() << "it was dropped", 2; }));
  waiting.loop.poll();
  EXPECT_EQ(threads.statistics().queued, 1U);
  waiting.cancel();
  waiting.loop.run();
  EXPECT_TRUE(waiting.aborted());
  EXPECT_EQ(threads.statistics().queued, 0U);
  first.open.count_down();
  busy.loop.run();
  EXPECT_EQ(busy.value, 1);
}

TEST_F(to_threads, one_that_was_begun_is_told_and_awaited_and_its_value_is_not_lost) {
  thread_executor threads({.threads = 1});
  std::latch running(1);
  spawned<int> call(to_thread(threads, [&](std::stop_token stop) {
    running.count_down();
    std::latch stopped(1);
    const std::stop_callback on_stop(stop, [&] { stopped.count_down(); });
    stopped.wait();
    return 5;
  }));
  call.loop.poll();
  running.wait();
  call.cancel();
  call.loop.run();
  EXPECT_EQ(call.value, 5);
}

TEST_F(to_threads, one_that_cannot_be_told_is_awaited) {
  thread_executor threads({.threads = 1});
  gate held;
  spawned<int> call(to_thread(threads, &gate::hold, &held, 6));
  call.loop.poll();
  held.running.wait();
  call.cancel();
  call.loop.poll();
  EXPECT_FALSE(call.value.has_value());
  held.open.count_down();
  call.loop.run();
  EXPECT_EQ(call.value, 6);
}

task<int> cancelled_first(std::atomic<int>& calls, thread_executor& threads, std::function<void()>& cancel) {
  task<void> turn = test::yield();
  co_await std::move(turn);
  cancel();
  auto call = to_thread(threads, [&calls] { return ++calls; });
  co_return co_await std::move(call);
}

TEST_F(to_threads, one_that_is_cancelled_before_it_is_awaited_is_not_made) {
  thread_executor threads({.threads = 1});
  std::atomic<int> calls{0};
  std::function<void()> cancel;
  spawned<int> work(cancelled_first(calls, threads, cancel));
  cancel = [&] { work.cancel(); };
  work.loop.run();
  EXPECT_TRUE(work.aborted());
  EXPECT_EQ(calls, 0);
}

TEST_F(to_threads, a_full_queue_refuses) {
  thread_executor threads({.threads = 1, .queue = 1});
  gate first;
  spawned<int> busy(to_thread(threads, &gate::hold, &first, 1));
  spawned<int> queued(to_thread(threads, [] { return 2; }));
  spawned<int> refused(to_thread(threads, [] { return 3; }));
  busy.loop.poll();
  queued.loop.poll();  // the thread may not have begun yet: it is counted as taken
  refused.loop.run();
  EXPECT_THROW(std::rethrow_exception(refused.failed), error);
  first.open.count_down();
  busy.loop.run();
  queued.loop.run();
  EXPECT_EQ(busy.value, 1);
  EXPECT_EQ(queued.value, 2);
}

TEST_F(to_threads, threads_are_started_when_needed_and_bounded) {
  thread_executor threads({.threads = 2});
  for (int i = 0; i < 3; ++i) run_to_end(to_thread(threads, [] {}));
  EXPECT_EQ(threads.statistics().threads, 1U) << "an idle one is used again";
  gate first;
  gate second;
  spawned<int> one(to_thread(threads, &gate::hold, &first, 1));
  spawned<int> two(to_thread(threads, &gate::hold, &second, 2));
  spawned<int> three(to_thread(threads, [] { return 3; }));
  one.loop.poll();
  two.loop.poll();
  first.running.wait();
  second.running.wait();
  three.loop.poll();
  EXPECT_EQ(threads.statistics().threads, 2U);
  EXPECT_EQ(threads.statistics().queued, 1U);
  first.open.count_down();
  three.loop.run();
  EXPECT_EQ(three.value, 3);
  second.open.count_down();
  one.loop.run();
  two.loop.run();
}

TEST_F(to_threads, a_loop_that_is_destroyed_waits_for_what_was_begun_and_drops_the_rest) {
  thread_executor threads({.threads = 1});
  std::atomic<bool> ended{false};
  {
    std::latch running(1);
    spawned<int> begun(to_thread(threads, [&](std::stop_token stop) {
      running.count_down();
      while (!stop.stop_requested()) std::this_thread::yield();
      ended = true;
      return 1;
    }));
    spawned<int> queued(to_thread(threads, [] { return ADD_FAILURE() << "it was dropped", 2; }));
    begun.loop.poll();
    running.wait();
    queued.loop.poll();
  }
  EXPECT_TRUE(ended);
}

TEST_F(to_threads, threads_that_are_destroyed_stop_their_calls_and_drop_the_rest) {
  std::optional<thread_executor> threads(thread_limits{.threads = 1});
  std::latch running(1);
  spawned<int> begun(to_thread(*threads, [&](std::stop_token stop) {
    running.count_down();
    while (!stop.stop_requested()) std::this_thread::yield();
    return 1;
  }));
  begun.loop.poll();
  running.wait();
  spawned<int> queued(to_thread(*threads, [] { return 2; }));
  queued.loop.poll();
  threads.reset();
  queued.cancel();  // too late, and harmless
  begun.loop.run();
  queued.loop.run();
  EXPECT_EQ(begun.value, 1);
  EXPECT_TRUE(queued.aborted());
}

task<int> sum_on(thread_executor& threads, int calls) {
  int sum = 0;
  for (int i = 0; i < calls; ++i) {
    auto call = to_thread(threads, [i] { return i; });
    sum += co_await std::move(call);
  }
  co_return sum;
}

// Calls within calls -------------------------------------------------------------------------------------------------

/// A call that makes the next one on the same threads, and waits for it, `depth` times.
int nested_calls(thread_executor& threads, int depth) {
  return depth == 0 ? 0 : 1 + sync_wait(to_thread(threads, nested_calls, std::ref(threads), depth - 1));
}

TEST_F(to_threads, calls_within_calls_end_at_any_depth) {
  for (const std::size_t most : {1u, 2u, 3u}) {
    thread_executor threads({.threads = most});
    EXPECT_EQ(run_to_end(to_thread(threads, nested_calls, std::ref(threads), 20)), 20);
    EXPECT_EQ(threads.statistics().waiting, 0U);
    EXPECT_EQ(threads.statistics().threads, 21U) << "one for each that waited, and one that did not";
    EXPECT_EQ(run_to_end(to_thread(threads, nested_calls, std::ref(threads), 20)), 20);
    EXPECT_EQ(threads.statistics().threads, 21U) << "they are used again";
  }
}

TEST(shared_threads, make_calls_within_calls_at_any_depth) {
  EXPECT_EQ(sync_wait(to_thread([] { return nested_calls(thread_executor::shared(), 50); })), 50);
}

task<int> many_nested(thread_executor& threads, int calls, int depth) {
  std::vector<task<int>> all;
  for (int i = 0; i < calls; ++i) all.push_back(to_thread(threads, nested_calls, std::ref(threads), depth));
  auto together = gather(std::move(all));
  const std::vector<int> got = co_await std::move(together);
  co_return std::accumulate(got.begin(), got.end(), 0);
}

TEST_F(to_threads, calls_within_calls_end_when_all_threads_have_some) {
  thread_executor threads({.threads = 2});
  EXPECT_EQ(run_to_end(many_nested(threads, 30, 4)), 120);
  EXPECT_EQ(threads.statistics().waiting, 0U);
  EXPECT_EQ(threads.statistics().queued, 0U);
}

task<void> several(thread_executor& threads, std::function<void()> call, int times) {
  std::vector<task<void>> all;
  for (int i = 0; i < times; ++i) all.push_back(to_thread(threads, call));
  auto together = gather(std::move(all));
  co_await std::move(together);
}

/// How many calls compute at the same time.
struct crowd_of_threads {
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  void visit() {
    const int there = ++now;
    int seen = most;
    while (seen < there && !most.compare_exchange_weak(seen, there)) continue;
    for (int i = 0; i < 20; ++i) std::this_thread::yield();
    --now;
  }
};

TEST_F(to_threads, no_more_calls_are_under_way_for_that_but_those_that_wait) {
  thread_executor threads({.threads = 2});
  crowd_of_threads seen;
  const auto inner = [&] { seen.visit(); };
  const auto outer = [&] { sync_wait(several(threads, inner, 8)); };  // waits for eight, of which one has its place
  run_to_end(several(threads, outer, 6));
  // An outer call that goes on is one more until the call that had its place has ended.
  EXPECT_LE(seen.most, 4);
  EXPECT_EQ(threads.statistics().waiting, 0U);
}

int across(thread_executor& mine, thread_executor& other, int depth) {
  return depth == 0 ? 0 : 1 + sync_wait(to_thread(other, across, std::ref(other), std::ref(mine), depth - 1));
}

TEST_F(to_threads, calls_within_calls_of_another_executor_end) {
  thread_executor one({.threads = 1});
  thread_executor two({.threads = 1});
  EXPECT_EQ(run_to_end(to_thread(one, across, std::ref(one), std::ref(two), 12)), 12);
  EXPECT_EQ(one.statistics().waiting + two.statistics().waiting, 0U);
}

TEST_F(to_threads, a_call_within_a_call_that_is_cancelled_or_refused_leaves_nothing_behind) {
  thread_executor threads({.threads = 1, .queue = 1});
  const auto impatient = [&] {
    gate held;
    spawned<int> begun(to_thread(threads, [&] {
      held.running.count_down();
      held.open.wait();
      return 1;
    }));
    spawned<int> queued(to_thread(threads, [] { return ADD_FAILURE() << "it was dropped", 2; }));
    spawned<int> refused(to_thread(threads, [] { return ADD_FAILURE() << "it was refused", 3; }));
    begun.loop.poll();
    held.running.wait();
    queued.loop.poll();
    refused.loop.run();
    EXPECT_THROW(std::rethrow_exception(refused.failed), error);
    queued.cancel();
    queued.loop.run();
    EXPECT_TRUE(queued.aborted());
    held.open.count_down();
    begun.loop.run();
    return *begun.value;
  };
  EXPECT_EQ(run_to_end(to_thread(threads, impatient)), 1);
  EXPECT_EQ(threads.statistics().waiting, 0U);
  EXPECT_EQ(run_to_end(to_thread(threads, nested_calls, std::ref(threads), 3)), 3);
}

TEST_F(to_threads, what_outlives_the_call_it_was_made_in_keeps_no_place) {
  thread_executor threads({.threads = 1});
  asio::io_context loop;
  std::optional<int> got;
  const auto leave_behind = [&] {
    asio::co_spawn(loop, to_thread(threads, [] { return 9; }), [&](std::exception_ptr, int value) { got = value; });
    loop.poll();  // hands it over, on this thread; its end is awaited by another
  };
  run_to_end(to_thread(threads, leave_behind));
  loop.restart();
  loop.run();
  EXPECT_EQ(got, 9);
  EXPECT_EQ(threads.statistics().waiting, 0U);
}

TEST_F(to_threads, works_on_each_thread_of_a_pool_and_on_strands) {
  thread_executor threads({.threads = 3});
  asio::thread_pool pool(3);
  std::vector<std::future<int>> results;
  for (int i = 0; i < 20; ++i) {
    results.push_back(asio::co_spawn(pool, sum_on(threads, 50), asio::use_future));
    results.push_back(asio::co_spawn(asio::make_strand(pool), sum_on(threads, 50), asio::use_future));
  }
  for (auto& each : results) EXPECT_EQ(each.get(), 50 * 49 / 2);
  pool.join();
}

TEST_F(to_threads, cancellation_and_end_may_meet) {
  thread_executor threads({.threads = 2});
  int kept = 0;
  int dropped = 0;
  for (int i = 0; i < 300; ++i) {
    spawned<int> call(sum_on(threads, 2));
    asio::post(call.loop, [&] {
      for (int turn = 0; turn < i; ++turn) std::this_thread::yield();
      call.cancel();
    });
    call.loop.run();
    EXPECT_TRUE(call.value.has_value() || call.aborted());
    (call.value ? kept : dropped) += 1;
  }
  EXPECT_EQ(kept + dropped, 300);
}

TEST_F(to_threads, loops_may_be_destroyed_while_calls_end) {
  thread_executor threads({.threads = 2});
  for (int i = 0; i < 300; ++i) {
    spawned<int> call(sum_on(threads, 5));
    call.loop.poll();
    for (int turn = 0; turn < i % 20; ++turn) call.loop.poll_one();
  }
}

}  // namespace
