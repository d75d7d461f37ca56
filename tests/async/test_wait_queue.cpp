// What semaphores, channels and their like are built of: a line of waiters, coroutines and threads.

#include <fanout/async/detail/wait_queue.hpp>

#include "async/driving.hpp"
#include "support/leaks.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace fanout;
using detail::coroutine_waiter;
using detail::thread_waiter;
using detail::wait_outcome;

class wait_queues : public test::leak_checked {};

/// Lets in one waiter for each permit.
class turnstile final : public detail::waitable {
 public:
  /// False: `me` waits in line now.
  bool enter_or_enlist(detail::waiter& me) {
    const std::lock_guard lock(mutex_);
    if (permits_ > 0) return --permits_, true;
    enlist(me, line_);
    return false;
  }
  void open(int permits = 1) {
    detail::woken resumed;
    const std::lock_guard lock(mutex_);
    permits_ += permits;
    serve(resumed);
  }
  void refuse_all() {
    detail::woken resumed;
    const std::lock_guard lock(mutex_);
    settle_all(line_, wait_outcome::refused, resumed);
  }
  int permits() const {
    const std::lock_guard lock(mutex_);
    return permits_;
  }
  int waiting() const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(line_.size());
  }
  std::atomic<int> left_line = 0;
  std::atomic<int> taken_back = 0;

 private:
  void serve(detail::woken& resumed) noexcept {
    for (; permits_ > 0 && !line_.empty(); --permits_) settle(line_.front(), wait_outcome::granted, resumed);
  }
  void left(detail::waiter&) noexcept override { ++left_line; }
  bool take_back(detail::waiter&, detail::woken& resumed) noexcept override {
    ++taken_back;
    ++permits_;
    serve(resumed);
    return true;
  }

  detail::wait_list line_;
  int permits_ = 0;
};

/// True: granted; false: refused. Throws when the wait was aborted.
task<bool> enter(std::shared_ptr<turnstile> gate) {
  coroutine_waiter me(*gate, co_await asio::this_coro::executor);
  if (gate->enter_or_enlist(me)) co_return true;
  auto granted = me.wait();
  co_await std::move(granted);
  co_return me.expect_granted();
}

/// A coroutine that enters, on a loop.
struct guest {
  guest(asio::io_context& loop, const std::shared_ptr<turnstile>& gate) {
    asio::co_spawn(loop, enter(gate),
                   asio::bind_cancellation_slot(stop.slot(), [this](std::exception_ptr failed, bool entered) {
                     ended = true;
                     aborted = failed != nullptr;
                     granted = !failed && entered;
                   }));
  }
  asio::cancellation_signal stop;
  bool ended = false;
  bool aborted = false;
  bool granted = false;
};

void run(asio::io_context& loop) {
  loop.restart();
  loop.poll();
}

TEST_F(wait_queues, waiters_are_served_in_the_order_they_came) {
  asio::io_context loop;
  const auto gate = std::make_shared<turnstile>();
  std::array<std::unique_ptr<guest>, 3> guests;
  for (auto& each : guests) each = std::make_unique<guest>(loop, gate);
  run(loop);
  EXPECT_EQ(gate->waiting(), 3);
  gate->open();
  EXPECT_FALSE(guests[0]->ended) << "it goes on in a turn of its own";
  run(loop);
  EXPECT_TRUE(guests[0]->granted);
  EXPECT_FALSE(guests[1]->ended);
  gate->open(5);
  run(loop);
  EXPECT_TRUE(guests[1]->granted);
  EXPECT_TRUE(guests[2]->granted);
  EXPECT_EQ(gate->permits(), 3);
  guest late(loop, gate);
  run(loop);
  EXPECT_TRUE(late.granted) << "without waiting";
}

TEST_F(wait_queues, who_is_refused_is_told_and_not_thrown_at) {
  asio::io_context loop;
  const auto gate = std::make_shared<turnstile>();
  guest one(loop, gate);
  run(loop);
  gate->refuse_all();
  run(loop);
  EXPECT_TRUE(one.ended);
  EXPECT_FALSE(one.aborted);
  EXPECT_FALSE(one.granted);
}

TEST_F(wait_queues, who_is_cancelled_leaves_the_line) {
  asio::io_context loop;
  const auto gate = std::make_shared<turnstile>();
  guest first(loop, gate);
  guest second(loop, gate);
  run(loop);
  first.stop.emit(asio::cancellation_type::terminal);
  run(loop);
  EXPECT_TRUE(first.aborted);
  EXPECT_EQ(gate->left_line, 1);
  gate->open();
  run(loop);
  EXPECT_TRUE(second.granted);
  EXPECT_EQ(gate->taken_back, 0);
}

TEST_F(wait_queues, what_was_granted_to_one_that_is_cancelled_before_it_ran_goes_to_the_next) {
  asio::io_context loop;
  const auto gate = std::make_shared<turnstile>();
  guest first(loop, gate);
  guest second(loop, gate);
  run(loop);
  gate->open();
  first.stop.emit(asio::cancellation_type::terminal);  // through Asio's slot: a turn of the loop later
  run(loop);
  EXPECT_NE(first.aborted, first.granted);
  EXPECT_EQ(second.granted, first.aborted);
  EXPECT_EQ(gate->permits(), 0) << "no permit is lost or doubled";
}

TEST_F(wait_queues, abandoning_ends_all_waits_and_those_that_begin_later) {
  asio::io_context loop;
  const auto gate = std::make_shared<turnstile>();
  guest one(loop, gate);
  std::atomic<wait_outcome> of_thread{wait_outcome::waiting};
  std::jthread other([&] {
    thread_waiter me(*gate);
    if (!gate->enter_or_enlist(me)) of_thread = me.wait();
  });
  run(loop);
  while (gate->waiting() < 2) std::this_thread::yield();
  gate->abandon();
  other.join();
  run(loop);
  EXPECT_TRUE(one.aborted);
  EXPECT_EQ(of_thread, wait_outcome::aborted);
  guest late(loop, gate);
  run(loop);
  EXPECT_TRUE(late.aborted);
}

TEST_F(wait_queues, threads_and_coroutines_stand_in_one_line) {
  asio::io_context loop;
  const auto gate = std::make_shared<turnstile>();
  std::atomic<wait_outcome> of_thread{wait_outcome::waiting};
  std::jthread thread([&] {
    thread_waiter me(*gate);
    if (!gate->enter_or_enlist(me)) of_thread = me.wait();
  });
  while (gate->waiting() < 1) std::this_thread::yield();
  guest behind(loop, gate);
  run(loop);
  gate->open();
  thread.join();
  EXPECT_EQ(of_thread, wait_outcome::granted);
  run(loop);
  EXPECT_FALSE(behind.ended);
  gate->open();
  run(loop);
  EXPECT_TRUE(behind.granted);
}

TEST_F(wait_queues, a_thread_that_gives_up_leaves_the_line_or_passes_on_what_it_was_granted) {
  const auto gate = std::make_shared<turnstile>();
  {
    thread_waiter me(*gate);
    EXPECT_FALSE(gate->enter_or_enlist(me));
  }
  EXPECT_EQ(gate->left_line, 1);
  EXPECT_EQ(gate->waiting(), 0);
  {
    thread_waiter me(*gate);
    EXPECT_FALSE(gate->enter_or_enlist(me));
    gate->open();
    EXPECT_EQ(gate->permits(), 0);
  }
  EXPECT_EQ(gate->permits(), 1);
}

TEST_F(wait_queues, the_end_of_a_loop_takes_its_coroutines_out_of_the_line_and_no_others) {
  asio::io_context stays;
  const auto gate = std::make_shared<turnstile>();
  std::optional<asio::io_context> goes(std::in_place);
  guest gone(*goes, gate);
  guest left(stays, gate);
  run(*goes);
  run(stays);
  goes.reset();
  EXPECT_FALSE(gone.ended) << "it was destroyed";
  EXPECT_EQ(gate->left_line, 1);
  EXPECT_EQ(gate->waiting(), 1);
  gate->open();
  run(stays);
  EXPECT_TRUE(left.granted);
}

TEST_F(wait_queues, a_grant_to_a_loop_that_ends_before_it_is_run_goes_to_the_next) {
  asio::io_context stays;
  const auto gate = std::make_shared<turnstile>();
  std::optional<asio::io_context> goes(std::in_place);
  guest gone(*goes, gate);
  run(*goes);
  guest next(stays, gate);
  run(stays);
  gate->open();
  goes.reset();
  EXPECT_EQ(gate->taken_back, 1);
  run(stays);
  EXPECT_TRUE(next.granted);
  EXPECT_EQ(gate->permits(), 0);
}

TEST_F(wait_queues, a_wait_that_cannot_be_cancelled_goes_on) {
  asio::io_context loop;
  const auto gate = std::make_shared<turnstile>();
  const auto stubborn = [](std::shared_ptr<turnstile> at) -> task<bool> {
    co_await asio::this_coro::throw_if_cancelled(false);
    coroutine_waiter me(*at, co_await asio::this_coro::executor);
    if (at->enter_or_enlist(me)) co_return true;
    auto granted = me.wait_uncancelled();
    co_await std::move(granted);
    co_return me.expect_granted();
  };
  asio::cancellation_signal stop;
  bool granted = false;
  asio::co_spawn(loop, stubborn(gate), asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr, bool entered) {
                   granted = entered;
                 }));
  run(loop);
  stop.emit(asio::cancellation_type::terminal);
  run(loop);
  EXPECT_EQ(gate->waiting(), 1);
  gate->open();
  run(loop);
  EXPECT_TRUE(granted);
}

task<void> pass_through(std::shared_ptr<turnstile> gate) {
  task<bool> way = enter(gate);
  co_await std::move(way);
  task<void> turn = yield();
  co_await std::move(turn);
  gate->open();
}

TEST_F(wait_queues, no_permit_is_lost_whenever_a_waiter_is_cancelled_or_destroyed) {
  const auto make = [] {
    const auto gate = std::make_shared<turnstile>();
    gate->open();
    test::scenario all;
    all.before.push_back(pass_through(gate));
    all.subject.emplace([](std::shared_ptr<turnstile> at) -> task<void> {
      task<bool> way = enter(at);
      try {
        co_await std::move(way);
      } catch (...) {
        throw;
      }
      at->open();
    }(gate));
    all.after.push_back(pass_through(gate));
    all.check = [gate](test::ending how) {
      if (how != test::ending::destroyed) {
        EXPECT_EQ(gate->permits(), 1);
      }
      EXPECT_EQ(gate->waiting(), 0);
    };
    return all;
  };
  EXPECT_GT(test::cancel_at_every_step(make), 2U);
  EXPECT_GT(test::destroy_at_every_step(make), 2U);
}

}  // namespace
