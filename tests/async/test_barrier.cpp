// A place where coroutines meet.

#include <fanout/async/barrier.hpp>

#include "support/every_step.hpp"
#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <vector>

namespace {

using namespace fanout;
using testing::ElementsAre;

class barriers : public test::leak_checked {};

struct meeting {
  explicit meeting(std::size_t parties) : place(parties) {}
  barrier place;
  std::vector<std::size_t> places = {};
  int broken = 0;
};

task<void> attend(std::shared_ptr<meeting> at, int times) {
  for (int i = 0; i < times; ++i) {
    auto all_here = at->place.arrive_and_wait();
    try {
      const std::size_t place = co_await std::move(all_here);
      at->places.push_back(place);
    } catch (const broken_barrier&) {
      ++at->broken;
      co_return;
    }
  }
}

TEST_F(barriers, let_all_go_on_when_the_last_has_come_again_and_again) {
  asio::io_context loop;
  auto three = std::make_shared<meeting>(3);
  asio::co_spawn(loop, attend(three, 2), asio::detached);
  asio::co_spawn(loop, attend(three, 2), asio::detached);
  loop.poll();
  EXPECT_TRUE(three->places.empty());
  EXPECT_EQ(three->place.waiting(), 2u);
  asio::co_spawn(loop, attend(three, 2), asio::detached);
  loop.run();
  ASSERT_EQ(three->places.size(), 6u);
  std::sort(three->places.begin(), three->places.end());
  EXPECT_THAT(three->places, ElementsAre(0, 0, 1, 1, 2, 2));
}

TEST_F(barriers, are_broken_by_abort_until_reset) {
  asio::io_context loop;
  auto two = std::make_shared<meeting>(2);
  asio::co_spawn(loop, attend(two, 1), asio::detached);
  loop.poll();
  two->place.abort();
  EXPECT_TRUE(two->place.broken());
  asio::co_spawn(loop, attend(two, 1), asio::detached);
  loop.run();
  EXPECT_EQ(two->broken, 2);
  two->place.reset();
  loop.restart();
  asio::co_spawn(loop, attend(two, 1), asio::detached);
  asio::co_spawn(loop, attend(two, 1), asio::detached);
  loop.run();
  EXPECT_THAT(two->places, ElementsAre(1, 0));
}

TEST_F(barriers, reset_breaks_the_waits_under_way_only) {
  asio::io_context loop;
  auto two = std::make_shared<meeting>(2);
  asio::co_spawn(loop, attend(two, 1), asio::detached);
  loop.poll();
  two->place.reset();
  asio::co_spawn(loop, attend(two, 1), asio::detached);
  loop.poll();
  EXPECT_EQ(two->broken, 1);
  EXPECT_EQ(two->place.waiting(), 1u);
  asio::co_spawn(loop, attend(two, 1), asio::detached);
  loop.run();
  EXPECT_EQ(two->places.size(), 2u);
}

TEST_F(barriers, of_none_are_refused_and_of_one_never_wait) {
  EXPECT_THROW(barrier(0), std::invalid_argument);
  asio::io_context loop;
  auto one = std::make_shared<meeting>(1);
  asio::co_spawn(loop, attend(one, 3), asio::detached);
  loop.run();
  EXPECT_THAT(one->places, ElementsAre(0, 0, 0));
}

TEST_F(barriers, do_not_count_one_that_was_cancelled_at_any_step) {
  EXPECT_GE(test::cancel_at_every_step([] {
              auto two = std::make_shared<meeting>(2);
              test::scenario all;
              all.subject.emplace(attend(two, 1));
              all.after.push_back(attend(two, 1));
              all.on_end = [two](test::ending how) {
                if (how == test::ending::cancelled) two->place.abort();
              };
              all.check = [two](test::ending how) {
                EXPECT_EQ(two->place.waiting(), 0u);
                if (how == test::ending::completed) {
                  EXPECT_EQ(two->places.size(), 2u);
                }
                if (how == test::ending::cancelled) {
                  EXPECT_EQ(two->places.size() + two->broken, 1u);
                }
              };
              return all;
            }),
            2u);
}

TEST_F(barriers, forget_those_whose_loop_was_destroyed) {
  auto three = std::make_shared<meeting>(3);
  {
    asio::io_context loop;
    asio::co_spawn(loop, attend(three, 1), asio::detached);
    loop.poll();
    EXPECT_EQ(three->place.waiting(), 1u);
  }
  EXPECT_EQ(three->place.waiting(), 0u);
}

task<void> meet_often(barrier& place, std::atomic<int>& arrived, int parties, int times) {
  for (int i = 1; i <= times; ++i) {
    ++arrived;
    auto all_here = place.arrive_and_wait();
    co_await std::move(all_here);
    EXPECT_GE(arrived, i * parties) << "nobody goes on before all have come";
  }
}

TEST_F(barriers, hold_coroutines_of_many_threads_together) {
  asio::thread_pool pool(3);
  barrier place(5);
  std::atomic<int> arrived = 0;
  std::vector<std::future<void>> all;
  for (int i = 0; i < 5; ++i)
    all.push_back(asio::co_spawn(asio::make_strand(pool), meet_often(place, arrived, 5, 200), asio::use_future));
  for (auto& each : all) each.get();
  pool.join();
}

}  // namespace
