// The deadlines of one request: which wait they end, and what who waited learns.
#include "http/loop/loop_state.hpp"
#include "http/loop/request_timer.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

namespace {

using namespace fanout::http;
using namespace std::chrono_literals;

constexpr auto ended = boost::asio::error::operation_aborted;

struct waiter {
  int cancelled = 0;
  void cancel() { ++cancelled; }
};

class request_timer_test : public testing::Test {
 protected:
  request_timer_test() { state_.enter(); }
  ~request_timer_test() override { state_.leave(); }

  boost::asio::io_context loop_{1};
  loop_state& state_ = loop_state::of(loop_.get_executor());
  client_options options_;
  waiter waiter_;
  request_timer timer_{state_};
};

TEST_F(request_timer_test, a_deadline_ends_the_wait_and_says_which_it_was) {
  options_.resolve_timeout = 1ms;
  timer_.begin(options_);
  timer_.enter(phase::resolving, request_timer::wait_handle(waiter_));
  loop_.run();
  EXPECT_EQ(waiter_.cancelled, 1);
  EXPECT_EQ(timer_.resumed(ended), expiry::resolve);
  EXPECT_FALSE(timer_.armed());
}

TEST_F(request_timer_test, a_deadline_notifies_what_has_no_other_way_to_end) {
  struct {
    int notified = 0;
    void notify() { ++notified; }
  } sleeper;
  options_.queue_timeout = 1ms;
  timer_.begin(options_);
  timer_.enter(phase::queued, request_timer::wait_handle(sleeper));
  loop_.run();
  EXPECT_EQ(sleeper.notified, 1);
  EXPECT_EQ(timer_.resumed({}), expiry::queue);
}

TEST_F(request_timer_test, a_wait_that_is_over_is_left_alone) {
  options_.tls_timeout = 1ms;
  timer_.begin(options_);
  timer_.enter(phase::securing, request_timer::wait_handle(waiter_));
  timer_.forget_wait();
  loop_.run();
  EXPECT_EQ(waiter_.cancelled, 0);
  EXPECT_EQ(timer_.resumed({}), expiry::tls);
}

TEST_F(request_timer_test, bytes_that_move_postpone_a_deadline) {
  options_.idle_timeout = 1ms;
  timer_.begin(options_);
  timer_.enter_transfer(request_timer::wait_handle(waiter_));
  const auto first = timer_.deadline();
  timer_.limits().sent(1, request_timer::clock::now() + 1h);
  while (timer_.deadline() == first) loop_.run_one();
  EXPECT_EQ(waiter_.cancelled, 0);
  EXPECT_EQ(timer_.resumed({}), expiry::none);
  EXPECT_TRUE(timer_.armed());
}

TEST_F(request_timer_test, waking_is_no_failure) {
  timer_.begin(options_);
  timer_.enter_transfer(request_timer::wait_handle(waiter_));
  EXPECT_FALSE(timer_.woke());
  timer_.wake_at(request_timer::clock::now());
  while (waiter_.cancelled == 0) loop_.run_one();
  EXPECT_TRUE(timer_.woke());
  EXPECT_EQ(timer_.resumed(ended), expiry::none) << "the wait ended for the waking";
  EXPECT_TRUE(timer_.armed()) << "deadlines go on";
  EXPECT_THROW(timer_.resumed(ended), boost::system::system_error) << "this one was cancelled by somebody else";
  timer_.enter_transfer(request_timer::wait_handle(waiter_));
  EXPECT_FALSE(timer_.woke()) << "on the next connection all begins anew";
}

TEST_F(request_timer_test, a_cancelled_wait_is_passed_on) {
  timer_.begin(options_);
  timer_.enter_transfer(request_timer::wait_handle(waiter_));
  EXPECT_THROW(timer_.resumed(ended), boost::system::system_error);
}

TEST_F(request_timer_test, paused_it_ends_nothing) {
  options_.idle_timeout = 1ms;
  timer_.begin(options_);
  timer_.enter_transfer(request_timer::wait_handle(waiter_));
  timer_.pause();
  loop_.run();
  EXPECT_EQ(waiter_.cancelled, 0);
  timer_.go_on();
  loop_.restart();
  loop_.run();
  EXPECT_EQ(waiter_.cancelled, 1);
  EXPECT_EQ(timer_.resumed(ended), expiry::idle);
}

TEST_F(request_timer_test, ended_it_keeps_no_loop_running) {
  timer_.begin(options_);
  timer_.enter_transfer(request_timer::wait_handle(waiter_));
  timer_.end();
  loop_.run();
  EXPECT_EQ(waiter_.cancelled, 0);
}

TEST_F(request_timer_test, another_thread_may_not_go_on) {
  timer_.begin(options_);
  std::thread([&] { EXPECT_THROW(timer_.resumed({}), std::logic_error); }).join();
}

}  // namespace
