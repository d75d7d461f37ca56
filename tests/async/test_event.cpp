// Something that happens, and those who wait for it.

#include <fanout/async/event.hpp>

#include "support/every_step.hpp"
#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <vector>

namespace {

using namespace fanout;

class events : public test::leak_checked {};

task<void> wait_for(std::shared_ptr<event> awaited, std::shared_ptr<int> woken) {
  auto happened = awaited->wait();
  co_await std::move(happened);
  ++*woken;
}

task<void> set_after_a_turn(std::shared_ptr<event> awaited) {
  task<void> pause = test::yield();
  co_await std::move(pause);
  awaited->set();
}

TEST_F(events, let_all_go_on_also_when_cleared_at_once) {
  asio::io_context loop;
  auto happening = std::make_shared<event>();
  auto woken = std::make_shared<int>(0);
  for (int i = 0; i < 3; ++i) asio::co_spawn(loop, wait_for(happening, woken), asio::detached);
  loop.poll();
  EXPECT_EQ(*woken, 0);
  EXPECT_FALSE(happening->is_set());
  happening->set();
  happening->clear();
  asio::co_spawn(loop, wait_for(happening, woken), asio::detached);
  loop.poll();
  EXPECT_EQ(*woken, 3) << "the fourth came after it was cleared";
  happening->set();
  loop.run();
  EXPECT_EQ(*woken, 4);
}

TEST_F(events, that_are_set_let_everybody_pass) {
  asio::io_context loop;
  auto happening = std::make_shared<event>();
  auto woken = std::make_shared<int>(0);
  happening->set();
  asio::co_spawn(loop, wait_for(happening, woken), asio::detached);
  EXPECT_EQ(loop.poll(), 2u) << "start and end: no suspension between";
  EXPECT_EQ(*woken, 1);
}

test::scenario three_that_wait() {
  auto happening = std::make_shared<event>();
  auto woken = std::make_shared<int>(0);
  test::scenario all;
  all.before.push_back(wait_for(happening, woken));
  all.subject.emplace(wait_for(happening, woken));
  all.after.push_back(wait_for(happening, woken));
  all.after.push_back(set_after_a_turn(happening));
  all.check = [woken](test::ending how) {
    if (how == test::ending::completed) {
      EXPECT_EQ(*woken, 3);
    }
    if (how == test::ending::cancelled) {
      EXPECT_EQ(*woken, 2);
    }
  };
  return all;
}

TEST_F(events, wake_the_others_when_one_is_cancelled_at_any_step) {
  EXPECT_GE(test::cancel_at_every_step(three_that_wait), 4u);
}

TEST_F(events, may_be_waited_for_by_a_loop_that_ends_at_any_step) {
  EXPECT_GE(test::destroy_at_every_step(three_that_wait), 4u);
}

TEST_F(events, destroying_one_ends_the_waits) {
  asio::io_context loop;
  auto happening = std::make_unique<event>();
  auto outcome = asio::co_spawn(loop, happening->wait(), asio::use_future);
  loop.poll();
  happening.reset();
  loop.run();
  EXPECT_THROW(outcome.get(), boost::system::system_error);
}

TEST_F(events, wake_coroutines_of_many_threads) {
  for (int round = 0; round < 100; ++round) {
    asio::thread_pool pool(3);
    event happening;
    std::vector<std::future<void>> all;
    for (int i = 0; i < 10; ++i) all.push_back(asio::co_spawn(pool, happening.wait(), asio::use_future));
    happening.set();
    for (auto& each : all) each.get();
    pool.join();
  }
}

}  // namespace
