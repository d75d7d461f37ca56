// Values from coroutines and threads to coroutines and threads.

#include <fanout/async/async.hpp>
#include <fanout/base/failure.hpp>

#include "support/every_step.hpp"
#include "support/leaks.hpp"
#include "support/run_to_end.hpp"
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
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

namespace {

using namespace fanout;
using test::run_to_end;
using testing::ElementsAre;
using testing::IsEmpty;

class channels : public test::leak_checked {};

using number = std::unique_ptr<int>;  // move-only
using numbers = channel<number>;

number make(int value) {
  return std::make_unique<int>(value);
}

/// What came through, and what its sender got back.
struct traffic {
  explicit traffic(std::size_t capacity) : pipe(capacity) {}

  numbers pipe;
  std::vector<int> received = {};
  std::vector<int> refused = {};
  int lost = 0;  ///< with a sender that was cancelled
};

task<void> send_some(std::shared_ptr<traffic> all, int first, int count) {
  for (int i = first; i < first + count; ++i) {
    auto sent = all->pipe.send(make(i));
    try {
      co_await std::move(sent);
    } catch (const unsent<number>& thrown) {
      all->refused.push_back(*thrown.value);
    } catch (const boost::system::system_error&) {
      ++all->lost;
      throw;
    }
  }
}

task<void> receive_all(std::shared_ptr<traffic> all) {
  for (;;) {
    auto next = all->pipe.receive();
    const auto value = co_await std::move(next);
    if (!value) co_return;
    all->received.push_back(**value);
  }
}

task<void> send_and_close(std::shared_ptr<traffic> all, int first, int count) {
  auto sent = send_some(all, first, count);
  co_await std::move(sent);
  all->pipe.close();
}

void drain(traffic& all) {
  while (const auto value = all.pipe.try_receive()) all.received.push_back(**value);
}

std::vector<int> up_to(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

TEST_F(channels, hand_over_in_order_whatever_their_capacity) {
  for (const std::size_t capacity : {0u, 1u, 3u, 100u}) {
    for (const bool receiver_first : {false, true}) {
      asio::io_context loop;
      auto all = std::make_shared<traffic>(capacity);
      if (receiver_first) asio::co_spawn(loop, receive_all(all), asio::detached);
      asio::co_spawn(loop, send_and_close(all, 0, 20), asio::detached);
      if (!receiver_first) asio::co_spawn(loop, receive_all(all), asio::detached);
      loop.run();
      EXPECT_EQ(all->received, up_to(20)) << "capacity " << capacity;
    }
  }
}

TEST_F(channels, a_sender_waits_while_there_is_no_room) {
  asio::io_context loop;
  auto all = std::make_shared<traffic>(2);
  auto sent = asio::co_spawn(loop, send_some(all, 0, 4), asio::use_future);
  loop.poll();
  EXPECT_EQ(all->pipe.size(), 2u);
  EXPECT_EQ(**all->pipe.try_receive(), 0);
  EXPECT_EQ(all->pipe.size(), 2u) << "the sender's value takes the room at once";
  drain(*all);
  loop.run();
  sent.get();
  drain(*all);
  EXPECT_THAT(all->received, ElementsAre(1, 2, 3));
}

TEST_F(channels, a_rendezvous_is_over_when_the_value_was_received) {
  asio::io_context loop;
  auto all = std::make_shared<traffic>(0);
  EXPECT_FALSE(all->pipe.try_send(make(7))) << "nobody is there";
  asio::co_spawn(loop, send_some(all, 1, 1), asio::detached);
  loop.poll();
  EXPECT_FALSE(loop.stopped());
  EXPECT_EQ(**all->pipe.try_receive(), 1);
  loop.run();
  EXPECT_TRUE(loop.stopped());
}

TEST_F(channels, try_send_leaves_what_it_cannot_send) {
  numbers pipe(1);
  number one = make(1);
  number two = make(2);
  EXPECT_TRUE(pipe.try_send(std::move(one)));
  EXPECT_FALSE(pipe.try_send(std::move(two)));
  ASSERT_TRUE(two);
  pipe.close();
  EXPECT_EQ(**pipe.try_receive(), 1);
  EXPECT_FALSE(pipe.try_send(std::move(two)));
  EXPECT_TRUE(two);
  EXPECT_FALSE(pipe.try_receive());

  channel<int> plain(1);
  const int value = 3;
  EXPECT_TRUE(plain.try_send(value));
  EXPECT_EQ(plain.try_receive(), 3);
}

task<void> receive_one(std::shared_ptr<traffic> all) {
  auto next = all->pipe.receive();
  const auto value = co_await std::move(next);
  if (value) all->received.push_back(**value);
}

TEST_F(channels, receivers_are_served_in_turn) {
  asio::io_context loop;
  auto all = std::make_shared<traffic>(0);
  std::vector<int> order;
  for (int i = 0; i < 3; ++i)
    asio::co_spawn(loop, receive_one(all), [&order, i](std::exception_ptr) { order.push_back(i); });
  loop.poll();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(all->pipe.try_send(make(i)));
  loop.run();
  EXPECT_THAT(order, ElementsAre(0, 1, 2));
  EXPECT_THAT(all->received, ElementsAre(0, 1, 2));
}

// The seed of a well-known bug: producers that wait when the channel is closed.
TEST_F(channels, closing_gives_senders_that_wait_their_values_back) {
  asio::io_context loop;
  auto all = std::make_shared<traffic>(1);
  for (int i = 0; i < 3; ++i) asio::co_spawn(loop, send_some(all, i, 1), asio::detached);
  loop.poll();
  all->pipe.close();
  loop.run();
  EXPECT_THAT(all->refused, ElementsAre(1, 2));
  drain(*all);
  EXPECT_THAT(all->received, ElementsAre(0)) << "what was accepted is still received";
  EXPECT_TRUE(all->pipe.closed());
}

TEST_F(channels, closing_ends_receivers_that_wait) {
  asio::io_context loop;
  auto all = std::make_shared<traffic>(1);
  asio::co_spawn(loop, receive_all(all), asio::detached);
  asio::co_spawn(loop, receive_all(all), asio::detached);
  loop.poll();
  all->pipe.close();
  loop.run();
  EXPECT_THAT(all->received, IsEmpty());
}

task<void> expect_no_value(numbers& pipe, bool& ended) {
  auto next = pipe.receive();
  const auto value = co_await std::move(next);
  ended = !value;
}

task<void> expect_refusal(numbers& pipe, number value, bool& ended) {
  auto sent = pipe.send(std::move(value));
  try {
    co_await std::move(sent);
  } catch (const unsent<number>& thrown) {
    ended = thrown.value != nullptr;
  }
}

TEST_F(channels, destroying_one_closes_it) {
  asio::io_context loop;
  auto receiving = std::make_unique<numbers>(1);
  auto sending = std::make_unique<numbers>(0);
  bool received = false;
  bool refused = false;
  asio::co_spawn(loop, expect_no_value(*receiving, received), asio::detached);
  asio::co_spawn(loop, expect_refusal(*sending, make(1), refused), asio::detached);
  loop.poll();
  receiving.reset();
  sending.reset();
  loop.run();
  EXPECT_TRUE(received);
  EXPECT_TRUE(refused);
}

/// Every value is in one place: received, refused, lost with its sender, or still in the channel.
void expect_all_there(traffic& all, int sent) {
  drain(all);
  std::vector<int> seen = all.received;
  seen.insert(seen.end(), all.refused.begin(), all.refused.end());
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end()) << "received twice";
  EXPECT_EQ(static_cast<int>(seen.size()) + all.lost, sent);
}

TEST_F(channels, lose_nothing_when_a_receiver_is_cancelled_at_any_step) {
  for (const std::size_t capacity : {0u, 1u, 2u}) {
    EXPECT_GE(test::cancel_at_every_step([capacity] {
                auto all = std::make_shared<traffic>(capacity);
                test::scenario together;
                together.before.push_back(send_some(all, 0, 3));
                together.subject.emplace(receive_all(all));
                together.after.push_back(receive_all(all));
                together.after.push_back(send_and_close(all, 3, 3));
                together.check = [all](test::ending) { expect_all_there(*all, 6); };
                return together;
              }),
              4u);
  }
}

task<void> send_at(channel<int>& queue, std::chrono::steady_clock::time_point when) {
  task<void> rest = sleep_until(when);
  co_await std::move(rest);
  static_cast<void>(queue.try_send(1));
}

/// Receives until `when`, as the value is sent. Whether it came in time.
task<bool> receive_until(channel<int>& queue, std::chrono::steady_clock::time_point when) {
  try {
    const auto got = co_await timeout_at(when, queue.receive());
    co_return got == 1;
  } catch (const error& late) {
    EXPECT_EQ(late.kind(), failure_kind::timeout);
  }
  co_return false;
}

TEST_F(channels, lose_nothing_when_a_value_comes_beside_the_time_limit_of_a_receiver) {
  for (int round = 0; round < 300; ++round) {
    channel<int> queue(1);
    const auto when = std::chrono::steady_clock::now() + std::chrono::microseconds(50);
    const bool came = round % 2 == 0
                          ? std::get<0>(run_to_end(gather(receive_until(queue, when), send_at(queue, when))))
                          : std::get<1>(run_to_end(gather(send_at(queue, when), receive_until(queue, when))));
    EXPECT_EQ(queue.try_receive().has_value(), !came) << "received, or still there";
  }
}

task<std::size_t> value_and_stop_at_once(channel<int>& queue, event& stop) {
  auto race = race_to_finish(stop.wait(), queue.receive());
  const auto first = co_await std::move(race);
  co_return first.index();
}
task<void> set_and_send(channel<int>& queue, event& stop) {
  task<void> turn = yield();
  co_await std::move(turn);
  stop.set();
  EXPECT_TRUE(queue.try_send(1)) << "to the receiver that waits";
}

TEST_F(channels, lose_what_a_race_drops) {
  channel<int> queue(1);
  event stop;
  const auto got = run_to_end(gather(value_and_stop_at_once(queue, stop), set_and_send(queue, stop)));
  EXPECT_EQ(std::get<0>(got), 0U) << "the event came first";
  EXPECT_FALSE(queue.try_receive()) << "as the documentation of receive warns";
}

TEST_F(channels, lose_at_most_the_value_of_a_sender_that_is_cancelled) {
  for (const std::size_t capacity : {0u, 1u, 2u}) {
    EXPECT_GE(test::cancel_at_every_step([capacity] {
                auto all = std::make_shared<traffic>(capacity);
                test::scenario together;
                together.before.push_back(receive_all(all));
                together.subject.emplace(send_some(all, 0, 4));
                together.after.push_back(send_some(all, 4, 3));
                together.on_end = [all](test::ending) { all->pipe.close(); };
                together.check = [all](test::ending how) {
                  drain(*all);
                  EXPECT_LE(all->lost, how == test::ending::cancelled ? 1 : 0);
                  EXPECT_TRUE(std::is_sorted(all->refused.begin(), all->refused.end()));
                  const auto others = [](int value) { return value >= 4; };
                  EXPECT_EQ(std::count_if(all->received.begin(), all->received.end(), others) +
                                std::count_if(all->refused.begin(), all->refused.end(), others),
                            3);
                };
                return together;
              }),
              4u);
  }
}

TEST_F(channels, keep_their_values_when_their_loop_is_destroyed_at_any_step) {
  EXPECT_GE(test::destroy_at_every_step([] {
              auto all = std::make_shared<traffic>(10);
              for (int i = 0; i < 5; ++i) EXPECT_TRUE(all->pipe.try_send(make(i)));
              all->pipe.close();
              test::scenario together;
              together.subject.emplace(receive_all(all));
              together.after.push_back(receive_all(all));
              together.check = [all](test::ending) { expect_all_there(*all, 5); };
              return together;
            }),
            1u);
}

TEST_F(channels, a_value_handed_to_a_receiver_that_is_destroyed_is_received_by_another) {
  auto all = std::make_shared<traffic>(0);
  {
    asio::io_context loop;
    asio::co_spawn(loop, receive_one(all), asio::detached);
    loop.poll();
    EXPECT_TRUE(all->pipe.try_send(make(1)));
  }
  EXPECT_THAT(all->received, IsEmpty());
  EXPECT_EQ(**all->pipe.try_receive(), 1);
}

TEST_F(channels, connect_two_loops_and_a_thread) {
  auto all = std::make_shared<traffic>(4);
  asio::io_context sending;
  asio::io_context receiving;
  asio::co_spawn(sending, send_some(all, 0, 2000), asio::detached);
  asio::co_spawn(receiving, receive_all(all), asio::detached);
  std::thread first([&] { sending.run(); });
  std::thread second([&] { receiving.run(); });
  for (int i = 2000; i < 3000; ++i) all->pipe.send_blocking(make(i));
  first.join();
  all->pipe.close();
  second.join();
  EXPECT_THROW(all->pipe.send_blocking(make(0)), channel_closed);
  std::sort(all->received.begin(), all->received.end());
  EXPECT_EQ(all->received, up_to(3000));
}

task<int> count_received(channel<int>& pipe) {
  int count = 0;
  for (;;) {
    auto next = pipe.receive();
    const auto value = co_await std::move(next);
    if (!value) co_return count;
    ++count;
  }
}

task<void> send_numbers(channel<int>& pipe, int count) {
  for (int i = 0; i < count; ++i) {
    auto sent = pipe.send(i);
    co_await std::move(sent);
  }
}

TEST_F(channels, serve_many_threads) {
  for (const std::size_t capacity : {0u, 3u}) {
    asio::thread_pool pool(3);
    channel<int> pipe(capacity);
    std::vector<std::future<int>> counts;
    std::vector<std::future<void>> sent;
    for (int i = 0; i < 4; ++i)
      counts.push_back(asio::co_spawn(asio::make_strand(pool), count_received(pipe), asio::use_future));
    for (int i = 0; i < 4; ++i)
      sent.push_back(asio::co_spawn(asio::make_strand(pool), send_numbers(pipe, 250), asio::use_future));
    int in_a_thread = 0;
    std::thread blocking([&] {
      while (pipe.receive_blocking()) ++in_a_thread;
    });
    for (auto& each : sent) each.get();
    pipe.close();
    int received = 0;
    for (auto& each : counts) received += each.get();
    blocking.join();
    pool.join();
    EXPECT_EQ(received + in_a_thread, 1000);
  }
}

TEST_F(channels, loops_may_end_while_other_threads_send) {
  for (int round = 0; round < 200; ++round) {
    auto all = std::make_shared<traffic>(3);
    auto loop = std::make_unique<asio::io_context>();
    asio::co_spawn(*loop, receive_one(all), asio::detached);
    asio::co_spawn(*loop, receive_one(all), asio::detached);
    loop->poll();
    std::thread sending([&] {
      for (int i = 0; i < 3; ++i) all->pipe.send_blocking(make(i));
    });
    loop.reset();
    sending.join();
    expect_all_there(*all, 3);
  }
}

}  // namespace
