// Mutual exclusion of coroutines.

#include <fanout/async/mutex.hpp>

#include "support/every_step.hpp"
#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <vector>

namespace {

using namespace fanout;

class mutexes : public test::leak_checked {};

/// What one at a time may touch; a race that the thread sanitizer sees, if two do.
struct guarded {
  fanout::mutex mutex;
  int count = 0;
};

task<void> count_up(std::shared_ptr<guarded> shared, int times) {
  for (int i = 0; i < times; ++i) {
    auto turn = shared->mutex.lock();
    const auto lock = co_await std::move(turn);
    const int before = shared->count;
    task<void> pause = test::yield();
    co_await std::move(pause);
    shared->count = before + 1;
  }
}

TEST_F(mutexes, exclude_coroutines_of_many_threads) {
  asio::thread_pool pool(3);
  auto shared = std::make_shared<guarded>();
  std::vector<std::future<void>> all;
  for (int i = 0; i < 8; ++i)
    all.push_back(asio::co_spawn(asio::make_strand(pool), count_up(shared, 100), asio::use_future));
  for (auto& each : all) each.get();
  pool.join();
  EXPECT_EQ(shared->count, 800);
}

TEST_F(mutexes, can_be_tried_and_unlocked_early) {
  fanout::mutex mutex;
  auto lock = mutex.try_lock();
  ASSERT_TRUE(lock);
  EXPECT_TRUE(mutex.locked());
  EXPECT_FALSE(mutex.try_lock());
  lock->unlock();
  EXPECT_FALSE(lock->owns_lock());
  EXPECT_FALSE(mutex.locked());
}

test::scenario three_in_line() {
  auto shared = std::make_shared<guarded>();
  test::scenario all;
  all.before.push_back(count_up(shared, 2));
  all.subject.emplace(count_up(shared, 2));
  all.after.push_back(count_up(shared, 2));
  all.check = [shared](test::ending how) {
    EXPECT_FALSE(shared->mutex.locked());
    if (how == test::ending::completed) {
      EXPECT_EQ(shared->count, 6);
    }
  };
  return all;
}

TEST_F(mutexes, are_free_after_a_cancellation_at_any_step) {
  EXPECT_GE(test::cancel_at_every_step(three_in_line), 8u);
}

TEST_F(mutexes, are_free_after_their_loop_was_destroyed_at_any_step) {
  EXPECT_GE(test::destroy_at_every_step(three_in_line), 8u);
}

}  // namespace
