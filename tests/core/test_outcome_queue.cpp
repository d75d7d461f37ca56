// A run on a thread of its own, and who pulls its outcomes: the untyped half.

#include <fanout/core/detail/outcome_queue.hpp>

#include "support/leaks.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <thread>

namespace fanout::detail {
namespace {

class outcome_queues : public test::leak_checked {};

/// Numbers instead of outcomes; what the run does is up to the test.
class numbers final : public outcome_queue {
 public:
  numbers(const options& how, std::function<void(numbers&, const options&)> run)
      : outcome_queue(how), run_(std::move(run)) {
    start();
  }
  ~numbers() override { stop(); }

  /// False: nobody pulls any more.
  bool push(int value) {
    std::unique_lock lock(mutex());
    if (!wait_for_room(lock, values_.size())) return false;
    values_.push_back(value);
    added();
    return true;
  }
  std::optional<int> pull() {
    {
      std::unique_lock lock(mutex());
      wait_for_value(lock);
      if (!values_.empty()) {
        const int value = values_.front();
        values_.pop_front();
        took(values_.size());
        return value;
      }
    }
    rethrow_failure();
    return std::nullopt;
  }

 private:
  fanout::report perform(const options& how) override {
    run_(*this, how);
    fanout::report cost;
    cost.tasks = 7;
    return cost;
  }
  std::function<void(numbers&, const options&)> run_;
  std::deque<int> values_;
};

TEST_F(outcome_queues, values_come_in_order_and_then_the_report) {
  numbers all(options(), [](numbers& self, const options&) {
    for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(self.push(i));
  });
  EXPECT_FALSE(all.report());
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(all.pull(), i);
  EXPECT_EQ(all.pull(), std::nullopt);
  ASSERT_TRUE(all.report());
  EXPECT_EQ(all.report()->tasks, 7U);
  EXPECT_EQ(all.pull(), std::nullopt);
}

TEST_F(outcome_queues, a_run_that_is_not_pulled_waits_when_there_is_no_room) {
  std::atomic<int> pushed = 0;
  numbers all(options(), [&](numbers& self, const options&) {
    for (int i = 0; i < 1'000; ++i) pushed += self.push(i) ? 1 : 0;
  });
  while (pushed < 64) std::this_thread::yield();
  EXPECT_EQ(pushed, 64) << "room for at least 64, and for one for each task of the shape";
  while (all.pull()) continue;
  EXPECT_EQ(pushed, 1'000);
}

TEST_F(outcome_queues, has_room_for_as_many_as_the_shape_has_tasks) {
  std::atomic<int> pushed = 0;
  numbers all(options(async(200)), [&](numbers& self, const options&) {
    while (self.push(1)) ++pushed;
  });
  while (pushed < 200) std::this_thread::yield();
  EXPECT_EQ(pushed, 200);
}

TEST_F(outcome_queues, one_that_is_left_stops_its_run) {
  std::atomic<bool> stop_requested = false;
  std::atomic<bool> refused = false;
  {
    const numbers all(options(), [&](numbers& self, const options& how) {
      const std::stop_callback noted(how.stop, [&] { stop_requested = true; });
      while (self.push(1)) continue;
      refused = true;
    });
  }
  EXPECT_TRUE(stop_requested);
  EXPECT_TRUE(refused);
}

TEST_F(outcome_queues, a_stop_of_the_caller_reaches_the_run) {
  std::stop_source stop;
  options how;
  how.stop = stop.get_token();
  numbers all(how, [](numbers& self, const options& given) {
    self.push(1);
    while (!given.stop.stop_requested()) std::this_thread::yield();
  });
  EXPECT_EQ(all.pull(), 1);
  stop.request_stop();
  EXPECT_EQ(all.pull(), std::nullopt);
}

TEST_F(outcome_queues, what_the_run_throws_is_thrown_once_after_the_last_value) {
  numbers all(options(), [](numbers& self, const options&) {
    self.push(1);
    throw std::domain_error("the run");
  });
  EXPECT_EQ(all.pull(), 1);
  EXPECT_THROW(all.pull(), std::domain_error);
  EXPECT_FALSE(all.report()) << "there is none";
  EXPECT_EQ(all.pull(), std::nullopt);
}

}  // namespace
}  // namespace fanout::detail
