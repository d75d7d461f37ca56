// One coroutine that waits for an event on its own executor.

#include <fanout/async/detail/single_waiter.hpp>

#include "async/driving.hpp"
#include "support/leaks.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <exception>
#include <memory>
#include <stdexcept>

namespace {

using namespace fanout;
using detail::single_waiter;
using test::census;

class single_waiters : public test::leak_checked {};

task<void> wait_here(single_waiter& place, census& seen) {
  const test::alive here(seen);
  try {
    task<void> wait = place.wait("the test");
    co_await std::move(wait);
  } catch (const boost::system::system_error&) {
    ++seen.cancelled;
    throw;
  }
  ++seen.completed;
}

TEST_F(single_waiters, a_coroutine_waits_until_it_is_woken_in_a_turn_of_its_own) {
  asio::io_context loop;
  single_waiter place;
  census seen;
  asio::co_spawn(loop, wait_here(place, seen), asio::detached);
  loop.poll();
  EXPECT_EQ(seen.alive, 1);
  place.wake();
  EXPECT_EQ(seen.completed, 0) << "not within the call";
  place.wake();  // nobody waits any more
  loop.restart();
  loop.run();
  EXPECT_EQ(seen.completed, 1);
}

TEST_F(single_waiters, a_wake_up_that_nobody_waits_for_is_not_kept) {
  census seen;
  single_waiter place;
  asio::io_context loop;  // destroyed first, and with it the coroutine
  place.wake();
  asio::co_spawn(loop, wait_here(place, seen), asio::detached);
  loop.poll();
  EXPECT_EQ(seen.alive, 1);
  place.drop();
}

TEST_F(single_waiters, a_second_one_is_refused_and_the_first_goes_on) {
  asio::io_context loop;
  single_waiter place;
  census seen;
  std::exception_ptr refused;
  asio::co_spawn(loop, wait_here(place, seen), asio::detached);
  asio::co_spawn(loop, wait_here(place, seen), [&](std::exception_ptr why) { refused = why; });
  loop.poll();
  ASSERT_TRUE(refused);
  EXPECT_THROW(std::rethrow_exception(refused), std::logic_error);
  place.wake();
  loop.restart();
  loop.run();
  EXPECT_EQ(seen.completed, 1);
}

TEST_F(single_waiters, is_dropped_with_its_coroutine) {
  asio::io_context loop;
  single_waiter place;
  census seen;
  asio::co_spawn(loop, wait_here(place, seen), asio::detached);
  loop.poll();
  place.drop();
  loop.restart();
  loop.run();  // Asio destroys the frames in a turn of their own
  EXPECT_EQ(seen.alive, 0);
  EXPECT_EQ(seen.completed, 0);
  place.drop();
  place.wake();  // both find nobody
}

task<void> wake_after(std::shared_ptr<single_waiter> place, int turns) {
  for (int i = 0; i < turns; ++i) {
    task<void> turn = yield();
    co_await std::move(turn);
  }
  place->wake();
}

task<void> wait_for_shared(std::shared_ptr<single_waiter> place) {
  task<void> wait = place->wait("the test");
  co_await std::move(wait);
}

TEST_F(single_waiters, are_cancelled_at_every_step) {
  EXPECT_GT(test::cancel_at_every_step([] {
              const auto place = std::make_shared<single_waiter>();
              test::scenario all;
              all.subject.emplace(wait_for_shared(place));
              all.after.push_back(wake_after(place, 3));
              all.on_end = [place](test::ending) { place->wake(); };  // finds nobody, whatever came of the wait
              return all;
            }),
            2U);
}

}  // namespace
