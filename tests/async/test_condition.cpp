// Waiting until something guarded by a mutex has changed.

#include <fanout/async/condition.hpp>

#include "support/every_step.hpp"
#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <stdexcept>
#include <vector>

namespace {

using namespace fanout;

class conditions : public test::leak_checked {};

/// A stock that is guarded by a mutex.
struct store {
  fanout::mutex mutex;
  condition changed;
  int items = 0;
  int taken = 0;
  int inside = 0;  ///< how many hold the lock
  int waiting = 0;
};

task<void> take_one(std::shared_ptr<store> from) {
  auto turn = from->mutex.lock();
  auto lock = co_await std::move(turn);
  ++from->waiting;
  std::exception_ptr failed;
  try {
    auto filled = from->changed.wait(lock, [from] { return from->items > 0; });
    co_await std::move(filled);
  } catch (...) {
    failed = std::current_exception();
  }
  EXPECT_TRUE(lock.owns_lock()) << "also when cancelled";
  EXPECT_EQ(++from->inside, 1);
  --from->waiting;
  if (!failed) {
    --from->items;
    ++from->taken;
  }
  --from->inside;
  if (failed) std::rethrow_exception(failed);
}

task<void> bring(std::shared_ptr<store> to, int count) {
  for (int i = 0; i < count; ++i) {
    task<void> pause = test::yield();
    co_await std::move(pause);
    auto turn = to->mutex.lock();
    const auto lock = co_await std::move(turn);
    ++to->items;
    to->changed.notify_one();
    task<void> still_locked = test::yield();
    co_await std::move(still_locked);
  }
}

TEST_F(conditions, let_one_go_on_for_each_notification) {
  asio::io_context loop;
  auto stock = std::make_shared<store>();
  for (int i = 0; i < 3; ++i) asio::co_spawn(loop, take_one(stock), asio::detached);
  asio::co_spawn(loop, bring(stock, 2), asio::detached);
  loop.poll();
  EXPECT_EQ(stock->taken, 2);
  EXPECT_EQ(stock->waiting, 1);
  stock->changed.notify_all();
  loop.poll();
  EXPECT_EQ(stock->waiting, 1) << "there is nothing to take";
  stock->items = 1;
  stock->changed.notify_all();
  loop.run();
  EXPECT_EQ(stock->taken, 3);
  EXPECT_FALSE(stock->mutex.locked());
}

// Two wait, one thing is brought: if the one that is notified is cancelled, the other must get it.
TEST_F(conditions, pass_a_notification_on_when_its_waiter_is_cancelled_at_any_step) {
  int cancelled = 0;
  EXPECT_GE(test::cancel_at_every_step([&cancelled] {
              auto stock = std::make_shared<store>();
              test::scenario all;
              all.subject.emplace(take_one(stock));
              all.after.push_back(take_one(stock));
              all.after.push_back(bring(stock, 1));
              all.on_end = [stock, &cancelled](test::ending how) {
                if (how == test::ending::cancelled) ++cancelled;
                if (how == test::ending::completed) stock->items = 1;
                if (how == test::ending::completed) stock->changed.notify_one();
              };
              all.check = [stock](test::ending how) {
                EXPECT_EQ(stock->taken, how == test::ending::completed ? 2 : 1);
                EXPECT_EQ(stock->waiting, 0);
                EXPECT_FALSE(stock->mutex.locked());
              };
              return all;
            }),
            5u);
  EXPECT_GE(cancelled, 4);
}

TEST_F(conditions, leave_the_mutex_free_when_their_loop_is_destroyed_at_any_step) {
  EXPECT_GE(test::destroy_at_every_step([] {
              auto stock = std::make_shared<store>();
              test::scenario all;
              all.subject.emplace(take_one(stock));
              all.after.push_back(bring(stock, 1));
              all.check = [stock](test::ending) { EXPECT_FALSE(stock->mutex.locked()); };
              return all;
            }),
            5u);
}

task<void> wait_without_the_lock(condition& changed) {
  mutex::scoped_lock none;
  auto notified = changed.wait(none);
  co_await std::move(notified);
}

TEST_F(conditions, refuse_a_wait_without_the_lock) {
  asio::io_context loop;
  condition changed;
  auto outcome = asio::co_spawn(loop, wait_without_the_lock(changed), asio::use_future);
  loop.run();
  EXPECT_THROW(outcome.get(), std::logic_error);
}

TEST_F(conditions, serve_many_threads) {
  asio::thread_pool pool(3);
  auto stock = std::make_shared<store>();
  std::vector<std::future<void>> all;
  for (int i = 0; i < 60; ++i)
    all.push_back(asio::co_spawn(asio::make_strand(pool), take_one(stock), asio::use_future));
  for (int i = 0; i < 6; ++i)
    all.push_back(asio::co_spawn(asio::make_strand(pool), bring(stock, 10), asio::use_future));
  for (auto& each : all) each.get();
  pool.join();
  EXPECT_EQ(stock->taken, 60);
}

}  // namespace
