// A limit on how many coroutines do something at once.

#include <fanout/async/semaphore.hpp>

#include "support/every_step.hpp"
#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace {

using namespace fanout;
using testing::ElementsAre;

class semaphores : public test::leak_checked {};

using shared_semaphore = std::shared_ptr<semaphore>;

task<void> hold_for_a_turn(shared_semaphore limit) {
  auto turn = limit->acquire();
  const auto permit = co_await std::move(turn);
  EXPECT_TRUE(permit.held());
  task<void> pause = test::yield();
  co_await std::move(pause);
}

task<void> note_the_order(semaphore& limit, int number, std::vector<int>& order) {
  auto turn = limit.acquire();
  const auto permit = co_await std::move(turn);
  order.push_back(number);
  task<void> pause = test::yield();
  co_await std::move(pause);
}

TEST_F(semaphores, are_first_come_first_served) {
  asio::io_context loop;
  semaphore limit(1);
  std::vector<int> order;
  for (int i = 0; i < 4; ++i) asio::co_spawn(loop, note_the_order(limit, i, order), asio::detached);
  loop.run();
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(limit.available(), 1u);
}

TEST_F(semaphores, nobody_gets_past_the_line) {
  asio::io_context loop;
  semaphore limit(1);
  auto held = limit.try_acquire();
  std::vector<int> order;
  asio::co_spawn(loop, note_the_order(limit, 1, order), asio::detached);
  loop.poll();
  held->release();
  EXPECT_FALSE(limit.try_acquire()) << "the permit belongs to the one who waited, who has not run yet";
  EXPECT_EQ(limit.available(), 0u);
  loop.run();
  EXPECT_TRUE(limit.try_acquire());
}

TEST_F(semaphores, a_permit_can_be_moved_released_and_forgotten) {
  semaphore limit(2);
  auto first = limit.try_acquire();
  auto second = limit.try_acquire();
  EXPECT_FALSE(limit.try_acquire());
  *first = std::move(*second);
  EXPECT_EQ(limit.available(), 1u);
  EXPECT_FALSE(second->held());
  first->release();
  first->release();
  EXPECT_EQ(limit.available(), 2u);
  limit.try_acquire()->forget();
  EXPECT_EQ(limit.available(), 1u);
  limit.release(3);
  EXPECT_EQ(limit.available(), 4u);
}

TEST_F(semaphores, hold_when_cancelled_at_any_step) {
  for (const bool last : {false, true}) {
    EXPECT_GE(test::cancel_at_every_step([last] {
                auto limit = std::make_shared<semaphore>(1);
                test::scenario all;
                all.before.push_back(hold_for_a_turn(limit));
                all.subject.emplace(hold_for_a_turn(limit));
                if (!last) all.after.push_back(hold_for_a_turn(limit));
                if (!last) all.after.push_back(hold_for_a_turn(limit));
                all.check = [limit](test::ending) { EXPECT_EQ(limit->available(), 1u); };
                return all;
              }),
              4u);
  }
}

TEST_F(semaphores, hold_when_their_waiters_are_destroyed_at_any_step) {
  EXPECT_GE(test::destroy_at_every_step([] {
              auto limit = std::make_shared<semaphore>(1);
              test::scenario all;
              all.before.push_back(hold_for_a_turn(limit));
              all.subject.emplace(hold_for_a_turn(limit));
              all.after.push_back(hold_for_a_turn(limit));
              all.check = [limit](test::ending) { EXPECT_EQ(limit->available(), 1u); };
              return all;
            }),
            4u);
}

task<void> take_and_tell(semaphore& limit, bool& taken) {
  auto turn = limit.acquire();
  const auto permit = co_await std::move(turn);
  taken = true;
}

// The seed of a well-known bug: the permit was on its way to a waiter that no longer wants it.
TEST_F(semaphores, a_permit_handed_to_a_waiter_that_is_then_cancelled_goes_to_the_next) {
  asio::io_context loop;
  asio::cancellation_signal stop;
  semaphore limit(1);
  auto held = limit.try_acquire();
  bool first = false;
  bool second = false;
  std::exception_ptr outcome;
  asio::co_spawn(loop, take_and_tell(limit, first),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr failed) { outcome = failed; }));
  asio::co_spawn(loop, take_and_tell(limit, second), asio::detached);
  loop.poll();
  asio::post(loop, [&] {
    held->release();  // to the first, whose resumption is now posted
    stop.emit(asio::cancellation_type::terminal);
  });
  loop.run();
  EXPECT_FALSE(first);
  EXPECT_TRUE(second);
  ASSERT_TRUE(outcome);
  EXPECT_THROW(std::rethrow_exception(outcome), boost::system::system_error);
  EXPECT_EQ(limit.available(), 1u);
}

task<void> expect_abort(shared_semaphore& limit, bool& aborted) {
  auto turn = limit->acquire();
  try {
    const auto permit = co_await std::move(turn);
  } catch (const boost::system::system_error& thrown) {
    aborted = thrown.code() == asio::error::operation_aborted;
  }
}

TEST_F(semaphores, destroying_one_ends_the_waits) {
  asio::io_context loop;
  auto limit = std::make_shared<semaphore>(0);
  bool first = false;
  bool second = false;
  asio::co_spawn(loop, expect_abort(limit, first), asio::detached);
  asio::co_spawn(loop, expect_abort(limit, second), asio::detached);
  loop.poll();
  limit.reset();
  loop.run();
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
}

TEST_F(semaphores, a_wait_that_begins_after_its_semaphore_is_gone_ends_at_once) {
  asio::io_context loop;
  std::optional<semaphore> limit(0);
  auto wait = limit->acquire();
  limit.reset();
  auto outcome = asio::co_spawn(loop, std::move(wait), asio::use_future);
  loop.run();
  EXPECT_THROW(outcome.get(), boost::system::system_error);
}

TEST_F(semaphores, permits_may_outlive_theirs) {
  std::optional<semaphore::permit> permit;
  {
    semaphore limit(1);
    permit = limit.try_acquire();
  }
  EXPECT_TRUE(permit->held());
  permit.reset();
}

TEST_F(semaphores, may_die_before_a_loop_whose_coroutines_hold_permits) {
  asio::io_context loop;
  auto limit = std::make_shared<semaphore>(1);
  asio::co_spawn(loop, hold_for_a_turn(limit), asio::detached);
  asio::co_spawn(loop, hold_for_a_turn(limit), asio::detached);
  loop.poll_one();
  loop.poll_one();
  limit.reset();
}

TEST_F(semaphores, a_loop_that_ends_leaves_those_of_other_loops_in_line) {
  semaphore limit(1);
  auto held = limit.try_acquire();
  asio::io_context stays;
  bool there = false;
  bool gone = false;
  {
    asio::io_context ends;
    asio::co_spawn(ends, take_and_tell(limit, gone), asio::detached);
    ends.poll();
    asio::co_spawn(stays, take_and_tell(limit, there), asio::detached);
    stays.poll();
  }
  held->release();
  stays.run();
  EXPECT_FALSE(gone);
  EXPECT_TRUE(there);
  EXPECT_EQ(limit.available(), 1u);
}

TEST_F(semaphores, a_pool_that_is_stopped_leaves_nobody_in_line) {
  semaphore limit(0);
  {
    asio::thread_pool pool(2);
    bool taken[3] = {};
    for (bool& each : taken) asio::co_spawn(pool, take_and_tell(limit, each), asio::detached);
    asio::co_spawn(asio::make_strand(pool), take_and_tell(limit, taken[0]), asio::detached);
    pool.stop();
    pool.join();
  }
  limit.release();
  EXPECT_EQ(limit.available(), 1u);
}

/// How many do it at once, and how many did at most.
struct crowd_inside {
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;

  void enter() {
    const int count = ++now;
    int seen = most;
    while (count > seen && !most.compare_exchange_weak(seen, count)) continue;
  }
};

task<void> enter_often(semaphore& limit, crowd_inside& inside, int times) {
  for (int i = 0; i < times; ++i) {
    auto turn = limit.acquire();
    const auto permit = co_await std::move(turn);
    inside.enter();
    task<void> pause = test::yield();
    co_await std::move(pause);
    --inside.now;
  }
}

TEST_F(semaphores, limit_coroutines_of_many_threads) {
  asio::thread_pool pool(3);
  semaphore limit(2);
  crowd_inside inside;
  std::vector<std::future<void>> all;
  for (int i = 0; i < 12; ++i)
    all.push_back(asio::co_spawn(asio::make_strand(pool), enter_often(limit, inside, 200), asio::use_future));
  for (auto& each : all) each.get();
  pool.join();
  EXPECT_EQ(inside.most, 2);
  EXPECT_EQ(limit.available(), 2u);
}

TEST_F(semaphores, cancellations_and_permits_may_cross) {
  semaphore limit(1);
  for (int round = 0; round < 300; ++round) {
    asio::io_context loop;
    asio::cancellation_signal stop;
    auto held = limit.try_acquire();
    ASSERT_TRUE(held);
    bool taken = false;
    std::exception_ptr outcome;
    asio::co_spawn(loop, take_and_tell(limit, taken),
                   asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr failed) { outcome = failed; }));
    loop.poll();
    std::thread releasing([&] { held->release(); });
    asio::post(loop, [&] { stop.emit(asio::cancellation_type::terminal); });
    loop.run();
    releasing.join();
    EXPECT_NE(taken, outcome != nullptr);
    ASSERT_EQ(limit.available(), 1u);
  }
}

TEST_F(semaphores, loops_may_end_while_other_threads_release) {
  for (int round = 0; round < 300; ++round) {
    semaphore limit(0);
    auto loop = std::make_unique<asio::io_context>();
    bool taken[3] = {};
    for (bool& each : taken) asio::co_spawn(*loop, take_and_tell(limit, each), asio::detached);
    loop->poll();
    std::thread releasing([&] {
      for (int i = 0; i < 3; ++i) limit.release();
    });
    loop.reset();
    releasing.join();
    ASSERT_EQ(limit.available(), 3u);
  }
}

}  // namespace
