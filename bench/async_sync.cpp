// What coroutines wait for, beside the same thing on plain Asio. One line a figure: ours, plain Asio, ratio.
//
//     bench_async_sync [ROUNDS]
//
// Rounds alternate between the two; the best of each counts, so that what else the machine does counts for neither.

#include <fanout/async/channel.hpp>
#include <fanout/async/semaphore.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <string>
#include <thread>

namespace {

using namespace fanout;

constexpr int handed_over = 200'000;
constexpr int waiters = 1000;
constexpr int turns = 200;

using signature = void(boost::system::error_code, int);
using plain_channel = asio::experimental::channel<signature>;
using plain_concurrent_channel = asio::experimental::concurrent_channel<signature>;
using plain_permits = asio::experimental::channel<void(boost::system::error_code)>;
using plain_concurrent_permits = asio::experimental::concurrent_channel<void(boost::system::error_code)>;

task<void> send_ours(channel<int>& pipe) {
  for (int i = 0; i < handed_over; ++i) {
    auto sent = pipe.send(i);
    co_await std::move(sent);
  }
  pipe.close();
}

task<void> receive_ours(channel<int>& pipe) {
  for (;;) {
    auto next = pipe.receive();
    const auto value = co_await std::move(next);
    if (!value) co_return;
  }
}

template <class Channel>
task<void> send_plain(Channel& pipe) {
  for (int i = 0; i < handed_over; ++i) {
    auto sent = pipe.async_send({}, i, asio::use_awaitable);
    co_await std::move(sent);
  }
}

template <class Channel>
task<void> receive_plain(Channel& pipe) {
  for (int i = 0; i < handed_over; ++i) {
    auto next = pipe.async_receive(asio::use_awaitable);
    co_await std::move(next);
  }
}

task<void> take_turns_ours(semaphore& limit) {
  for (int i = 0; i < turns; ++i) {
    auto turn = limit.acquire();
    const auto permit = co_await std::move(turn);
    auto pause = asio::post(asio::use_awaitable);
    co_await std::move(pause);
  }
}

/// A permit is a message in a channel: the usual way to have a semaphore on plain Asio.
template <class Permits>
task<void> take_turns_plain(Permits& permits) {
  for (int i = 0; i < turns; ++i) {
    auto turn = permits.async_receive(asio::use_awaitable);
    co_await std::move(turn);
    auto pause = asio::post(asio::use_awaitable);
    co_await std::move(pause);
    permits.try_send(boost::system::error_code());
  }
}

/// Nanoseconds for each of `count`.
template <class Run>
double measure(int count, Run run) {
  const auto started = std::chrono::steady_clock::now();
  run();
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - started;
  return took.count() / count;
}

double ours_in_one_loop(std::size_t capacity) {
  asio::io_context loop;
  channel<int> pipe(capacity);
  asio::co_spawn(loop, receive_ours(pipe), asio::detached);
  asio::co_spawn(loop, send_ours(pipe), asio::detached);
  return measure(handed_over, [&] { loop.run(); });
}

template <class Channel>
double plain_in_one_loop(std::size_t capacity) {
  asio::io_context loop;
  Channel pipe(loop, capacity);
  asio::co_spawn(loop, receive_plain(pipe), asio::detached);
  asio::co_spawn(loop, send_plain(pipe), asio::detached);
  return measure(handed_over, [&] { loop.run(); });
}

double ours_between_threads(std::size_t capacity) {
  asio::io_context sending;
  asio::io_context receiving;
  channel<int> pipe(capacity);
  asio::co_spawn(receiving, receive_ours(pipe), asio::detached);
  asio::co_spawn(sending, send_ours(pipe), asio::detached);
  return measure(handed_over, [&] {
    std::thread other([&] { receiving.run(); });
    sending.run();
    other.join();
  });
}

double plain_between_threads(std::size_t capacity) {
  asio::io_context sending;
  asio::io_context receiving;
  plain_concurrent_channel pipe(receiving, capacity);
  asio::co_spawn(receiving, receive_plain(pipe), asio::detached);
  asio::co_spawn(sending, send_plain(pipe), asio::detached);
  return measure(handed_over, [&] {
    std::thread other([&] { receiving.run(); });
    sending.run();
    other.join();
  });
}

double ours_semaphore(std::size_t) {
  asio::io_context loop;
  semaphore limit(10);
  for (int i = 0; i < waiters; ++i) asio::co_spawn(loop, take_turns_ours(limit), asio::detached);
  return measure(waiters * turns, [&] { loop.run(); });
}

template <class Permits>
double plain_semaphore(std::size_t) {
  asio::io_context loop;
  Permits permits(loop, waiters);
  for (int i = 0; i < 10; ++i) permits.try_send(boost::system::error_code());
  for (int i = 0; i < waiters; ++i) asio::co_spawn(loop, take_turns_plain(permits), asio::detached);
  return measure(waiters * turns, [&] { loop.run(); });
}

using measured = double (*)(std::size_t capacity);

void compare(const char* name, int rounds, std::size_t capacity, measured ours, measured plain) {
  double best_ours = std::numeric_limits<double>::max();
  double best_plain = best_ours;
  for (int round = 0; round < rounds; ++round) {
    best_ours = std::min(best_ours, ours(capacity));
    best_plain = std::min(best_plain, plain(capacity));
  }
  fmt::print("{:58} ours {:7.1f} ns  plain Asio {:7.1f} ns  ratio {:.2f}\n", name, best_ours, best_plain,
             best_ours / best_plain);
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 3;
  for (const std::size_t capacity : {0u, 1u, 64u}) {
    const std::string with = ", capacity " + std::to_string(capacity);
    compare(("channel, one loop" + with + ", with channel").c_str(), rounds, capacity, ours_in_one_loop,
            plain_in_one_loop<plain_channel>);
    compare(("channel, one loop" + with + ", beside concurrent_channel").c_str(), rounds, capacity, ours_in_one_loop,
            plain_in_one_loop<plain_concurrent_channel>);
  }
  for (const std::size_t capacity : {0u, 1u, 64u})
    compare(("channel, two threads, capacity " + std::to_string(capacity)).c_str(), rounds, capacity,
            ours_between_threads, plain_between_threads);
  compare("semaphore, 1,000 waiters, with channel", rounds, 0, ours_semaphore, plain_semaphore<plain_permits>);
  compare("semaphore, 1,000 waiters, beside concurrent_channel", rounds, 0, ours_semaphore,
          plain_semaphore<plain_concurrent_permits>);
}
