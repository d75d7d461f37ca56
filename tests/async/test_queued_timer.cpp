// Something that happens at a point in time, unless it is stopped before.

#include <fanout/async/detail/queued_timer.hpp>

#include "support/leaks.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

class queued_timers : public test::leak_checked {};

class action final : public detail::queued_timer {
 public:
  explicit action(std::function<bool()> act) : act_(std::move(act)) {}
  using queued_timer::set_shared;
  int queues_ended = 0;

 private:
  bool fire() override {
    fired();
    return act_();
  }
  void queue_ends() noexcept override {
    fired();
    ++queues_ended;
  }
  std::function<bool()> act_;
};

TEST_F(queued_timers, one_that_was_never_set_cannot_be_stopped) {
  action never([] { return true; });
  EXPECT_FALSE(never.stop());
}

TEST_F(queued_timers, fires_once_at_its_time_or_later) {
  asio::io_context loop;
  int fired = 0;
  const auto when = clock_type::now() + 2ms;
  action one([&] {
    EXPECT_GE(clock_type::now(), when);
    return ++fired > 0;
  });
  one.set(loop.get_executor(), when);
  loop.run();
  EXPECT_EQ(fired, 1);
  EXPECT_FALSE(one.stop()) << "it has fired";
}

TEST_F(queued_timers, one_that_was_stopped_does_not_fire_and_does_not_keep_the_loop) {
  asio::io_context loop;
  action one([] { return ADD_FAILURE() << "it was stopped", true; });
  one.set(loop.get_executor(), clock_type::now() + 1h);
  EXPECT_TRUE(one.stop());
  EXPECT_FALSE(one.stop());
  loop.run();
  one.set(loop.get_executor(), clock_type::now() - 1h);  // due already
  EXPECT_TRUE(one.stop());
  loop.restart();
  loop.run();
}

TEST_F(queued_timers, is_stopped_by_its_destructor) {
  asio::io_context loop;
  {
    action gone([] { return ADD_FAILURE() << "it is gone", true; });
    gone.set(loop.get_executor(), clock_type::now());
  }
  loop.run();
}

TEST_F(queued_timers, fire_in_the_order_of_their_times_whatever_was_stopped_before) {
  asio::io_context loop;
  std::mt19937 random(11);
  const auto now = clock_type::now();
  std::vector<int> fired;
  std::vector<std::unique_ptr<action>> all;
  std::vector<bool> stopped(2'000, false);
  asio::post(loop, [&] {
    for (std::size_t i = 0; i < stopped.size(); ++i) {
      const int delay = static_cast<int>(random() % 500);
      all.push_back(std::make_unique<action>([&fired, delay] { return fired.push_back(delay), true; }));
      all.back()->set(loop.get_executor(), now + delay * 10us);
      if (random() % 3 == 0) {
        const std::size_t other = random() % all.size();
        if (!stopped[other]) {
          EXPECT_TRUE(all[other]->stop());
        }
        stopped[other] = true;
      }
    }
  });
  loop.run();
  EXPECT_EQ(fired.size(), static_cast<std::size_t>(std::count(stopped.begin(), stopped.end(), false)));
  EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end()));
}

TEST_F(queued_timers, one_that_asks_for_a_turn_of_the_loop_gets_it_before_the_next_fires) {
  for (const bool go_on : {true, false}) {
    asio::io_context loop;
    std::string order;
    action first([&] {
      order += '1';
      asio::post(loop, [&] { order += 'p'; });
      return go_on;
    });
    action second([&] {
      order += '2';
      return true;
    });
    first.set(loop.get_executor(), clock_type::now() - 2s);
    second.set(loop.get_executor(), clock_type::now() - 1s);
    loop.run();
    EXPECT_EQ(order, go_on ? "12p" : "1p2");
  }
}

TEST_F(queued_timers, may_stop_and_destroy_others_and_be_set_again_while_they_fire) {
  asio::io_context loop;
  const auto due = clock_type::now() - 1s;
  int fired = 0;
  action stopped([] { return ADD_FAILURE() << "it was stopped", true; });
  std::optional<action> destroyed(std::in_place, [] { return ADD_FAILURE() << "it was destroyed", true; });
  action* self = nullptr;
  action first([&] {
    if (++fired == 1) {
      EXPECT_TRUE(stopped.stop());
      destroyed.reset();
    }
    if (fired < 3) self->set(loop.get_executor(), due);
    return true;
  });
  self = &first;
  first.set(loop.get_executor(), due - 1s);
  stopped.set(loop.get_executor(), due);
  destroyed->set(loop.get_executor(), due);
  loop.run();
  EXPECT_EQ(fired, 3);
}

TEST_F(queued_timers, are_told_once_of_the_end_of_their_context) {
  action one([] { return true; });
  action other([] { return true; });
  action not_set([] { return true; });
  {
    asio::io_context loop;
    one.set(loop.get_executor(), clock_type::now() + 1h);
    other.set(loop.get_executor(), clock_type::time_point::max());
  }
  EXPECT_EQ(one.queues_ended, 1);
  EXPECT_EQ(other.queues_ended, 1);
  EXPECT_EQ(not_set.queues_ended, 0);
  EXPECT_FALSE(one.stop());
}

TEST_F(queued_timers, have_a_timer_of_their_own_on_a_strand) {
  asio::io_context loop;
  const auto strand = asio::make_strand(loop);
  int fired = 0;
  action one([&] {
    EXPECT_TRUE(strand.running_in_this_thread());
    return ++fired > 0;
  });
  EXPECT_FALSE(one.set_shared(strand, clock_type::now()));
  one.set(strand, clock_type::now() + 1ms);
  action stopped([] { return ADD_FAILURE() << "it was stopped", true; });
  stopped.set(strand, clock_type::now() + 1h);
  EXPECT_TRUE(stopped.stop());
  loop.run();
  EXPECT_EQ(fired, 1);
}

}  // namespace
