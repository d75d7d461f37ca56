// The C++ halves of docs/from-asyncio.md; examples/from_asyncio.py has the others, and prints the same.
#include <fanout/fanout.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fmt/ranges.h>

#include <chrono>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

fanout::task<int> square(int x) {
  auto pause = fanout::sleep(x * 1ms);
  co_await std::move(pause);
  const int squared = x * x;
  co_return squared;
}

fanout::task<int> refuse(int x) {
  throw std::invalid_argument("no " + std::to_string(x));
  co_return x;
}

int slow_square(int x) {
  std::this_thread::sleep_for(1ms);
  return x * x;
}

// gather

fanout::task<int> together() {
  auto both = fanout::gather(square(3), square(4));
  const auto [a, b] = co_await std::move(both);
  co_return a + b;
}

// gather, with failures as results

fanout::task<int> settled() {
  auto both = fanout::gather_settled(square(3), refuse(4));
  const auto [a, b] = co_await std::move(both);
  co_return !a + !b;
}

// TaskGroup

fanout::task<int> grouped() {
  auto scope = fanout::with_task_group([](fanout::task_group& group) -> fanout::task<int> {
    const auto first = group.spawn(square(3));
    const auto second = group.spawn(square(4));
    auto a = first.result();
    auto b = second.result();
    const int left = co_await std::move(a);
    const int right = co_await std::move(b);
    co_return left + right;
  });
  co_return co_await std::move(scope);
}

// timeout

fanout::task<std::string> impatient() {
  try {
    auto limited = fanout::timeout(1ms, fanout::sleep(1h));
    co_await std::move(limited);
    co_return "done";
  } catch (const fanout::error& failed) {
    co_return std::string(to_string(failed.kind()));
  }
}

// wait(FIRST_COMPLETED)

fanout::task<int> first() {
  std::vector<fanout::task<int>> tasks;
  for (const int x : {90, 2}) tasks.push_back(square(x));
  auto race = fanout::race_to_finish(std::move(tasks));
  const auto winner = co_await std::move(race);  // the other one is cancelled
  co_return winner.value;
}

// as_completed

fanout::task<std::vector<int>> in_order_of_completion() {
  std::vector<fanout::task<int>> tasks;
  for (const int x : {30, 1, 10}) tasks.push_back(square(x));
  auto all =
      fanout::as_completed(std::move(tasks), [](fanout::completions<int>& done) -> fanout::task<std::vector<int>> {
        std::vector<int> seen;
        auto next = done.next();
        while (auto each = co_await std::move(next)) {
          seen.push_back(each->value());
          next = done.next();
        }
        co_return seen;
      });
  co_return co_await std::move(all);
}

// Semaphore

fanout::task<int> politely(fanout::semaphore& at_once, int x) {
  auto turn = at_once.acquire();
  const auto permit = co_await std::move(turn);
  auto squared = square(x);
  co_return co_await std::move(squared);
}

fanout::task<int> limited() {
  fanout::semaphore at_once(2);
  std::vector<fanout::task<int>> tasks;
  for (const int x : {0, 1, 2, 3, 4}) tasks.push_back(politely(at_once, x));
  auto all = fanout::gather(std::move(tasks));
  const auto values = co_await std::move(all);
  co_return std::accumulate(values.begin(), values.end(), 0);
}

// Queue

fanout::task<void> produce(fanout::channel<int>& queue) {
  for (int x = 0; x < 5; ++x) {
    auto sent = queue.send(x);
    co_await std::move(sent);
  }
  queue.close();
}

fanout::task<int> consume(fanout::channel<int>& queue) {
  int total = 0;
  auto next = queue.receive();
  while (const auto x = co_await std::move(next)) {
    total += *x;
    next = queue.receive();
  }
  co_return total;
}

fanout::task<int> handed_over() {
  fanout::channel<int> queue(2);
  auto both = fanout::gather(produce(queue), consume(queue));
  const auto [nothing, total] = co_await std::move(both);
  co_return total;
}

// Event

fanout::task<void> starter(fanout::event& ready) {
  auto pause = fanout::sleep(1ms);
  co_await std::move(pause);
  ready.set();
}

fanout::task<bool> signalled() {
  fanout::event ready;
  auto both = fanout::gather(starter(ready), ready.wait());
  co_await std::move(both);
  co_return ready.is_set();
}

// to_thread

fanout::task<int> beside_the_loop() {
  auto call = fanout::to_thread(slow_square, 5);
  co_return co_await std::move(call);
}

// async generators

fanout::async_generator<int> countdown(int x) {
  while (x > 0) {
    auto turn = fanout::yield();
    co_await std::move(turn);
    co_yield x;
    --x;
  }
}

fanout::task<std::vector<int>> collected() {
  std::vector<int> all;
  auto values = countdown(3);
  auto next = values.next();
  while (const auto x = co_await std::move(next)) {
    all.push_back(*x);
    next = values.next();
  }
  co_return all;
}

// subprocesses

fanout::task<std::string> greeting() {
  auto running = fanout::run_program({.arguments = {"echo", "hello"}});
  const auto result = co_await std::move(running);
  co_return result.output.substr(0, result.output.find('\n'));
}

// Runs a coroutine on a loop, as asyncio.run does.
template <class T>
T run(fanout::task<T> work) {
  boost::asio::io_context loop;
  std::optional<T> value;
  boost::asio::co_spawn(loop, std::move(work), [&](std::exception_ptr failed, T got) {
    if (failed) std::rethrow_exception(failed);
    value = std::move(got);
  });
  loop.run();
  return *std::move(value);
}

int main() {
  fmt::print("together {}\n", run(together()));
  fmt::print("settled {}\n", run(settled()));
  fmt::print("grouped {}\n", run(grouped()));
  fmt::print("impatient {}\n", run(impatient()));
  fmt::print("first {}\n", run(first()));
  fmt::print("in_order_of_completion {}\n", fmt::join(run(in_order_of_completion()), " "));
  fmt::print("limited {}\n", run(limited()));
  fmt::print("handed_over {}\n", run(handed_over()));
  fmt::print("signalled {:d}\n", run(signalled()));
  fmt::print("beside_the_loop {}\n", run(beside_the_loop()));
  fmt::print("collected {}\n", fmt::join(run(collected()), " "));
  fmt::print("greeting {}\n", run(greeting()));
}
