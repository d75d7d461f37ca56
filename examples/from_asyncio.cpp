// The C++ halves of docs/from-asyncio.md; examples/from_asyncio.py has the others, and prints the same.
#include <fanout/fanout.hpp>

#include <fmt/ranges.h>

#include <chrono>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

fanout::task<int> square(int x) {
  co_await fanout::sleep(x * 1ms);
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
  const auto [a, b] = co_await fanout::gather(square(3), square(4));
  co_return a + b;
}

// gather, with failures as results

fanout::task<int> settled() {
  const auto [a, b] = co_await fanout::gather_settled(square(3), refuse(4));
  co_return !a + !b;
}

// TaskGroup

fanout::task<int> grouped() {
  co_return co_await fanout::with_task_group([](fanout::task_group& group) -> fanout::task<int> {
    const auto first = group.spawn(square(3));
    const auto second = group.spawn(square(4));
    co_return co_await first.result() + co_await second.result();
  });
}

// timeout

fanout::task<std::string> impatient() {
  try {
    co_await fanout::timeout(1ms, fanout::sleep(1h));
    co_return "done";
  } catch (const fanout::error& failed) {
    co_return std::string(to_string(failed.kind()));
  }
}

// wait(FIRST_COMPLETED)

fanout::task<int> first() {
  std::vector<fanout::task<int>> tasks;
  for (const int x : {90, 2}) tasks.push_back(square(x));
  const auto winner = co_await fanout::race_to_finish(std::move(tasks));  // the other one is cancelled
  co_return winner.value;
}

// as_completed

fanout::task<std::vector<int>> in_order_of_completion() {
  std::vector<fanout::task<int>> tasks;
  for (const int x : {30, 1, 10}) tasks.push_back(square(x));
  const auto collect = [](fanout::completions<int>& done) -> fanout::task<std::vector<int>> {
    std::vector<int> seen;
    while (auto each = co_await done.next()) seen.push_back(each->value());
    co_return seen;
  };
  co_return co_await fanout::as_completed(std::move(tasks), collect);
}

// Semaphore

fanout::task<int> politely(fanout::semaphore& at_once, int x) {
  const auto permit = co_await at_once.acquire();
  co_return co_await square(x);
}

fanout::task<int> limited() {
  fanout::semaphore at_once(2);
  std::vector<fanout::task<int>> tasks;
  for (const int x : {0, 1, 2, 3, 4}) tasks.push_back(politely(at_once, x));
  const auto values = co_await fanout::gather(std::move(tasks));
  co_return std::accumulate(values.begin(), values.end(), 0);
}

// Queue

fanout::task<void> produce(fanout::channel<int>& queue) {
  for (int x = 0; x < 5; ++x) co_await queue.send(x);
  queue.close();
}

fanout::task<int> consume(fanout::channel<int>& queue) {
  int total = 0;
  while (const auto x = co_await queue.receive()) total += *x;
  co_return total;
}

fanout::task<int> handed_over() {
  fanout::channel<int> queue(2);
  const auto [nothing, total] = co_await fanout::gather(produce(queue), consume(queue));
  co_return total;
}

// Event

fanout::task<void> starter(fanout::event& ready) {
  co_await fanout::sleep(1ms);
  ready.set();
}

fanout::task<bool> signalled() {
  fanout::event ready;
  co_await fanout::gather(starter(ready), ready.wait());
  co_return ready.is_set();
}

// to_thread

fanout::task<int> beside_the_loop() {
  co_return co_await fanout::to_thread(slow_square, 5);
}

// async generators

fanout::async_generator<int> countdown(int x) {
  while (x > 0) {
    co_await fanout::yield();
    co_yield x;
    --x;
  }
}

fanout::task<std::vector<int>> collected() {
  std::vector<int> all;
  auto values = countdown(3);
  while (const auto x = co_await values.next()) all.push_back(*x);
  co_return all;
}

// subprocesses

fanout::task<std::string> greeting() {
  auto running = fanout::run_program({.arguments = {"echo", "hello"}});  // named: see above
  const auto result = co_await std::move(running);
  co_return result.output.substr(0, result.output.find('\n'));
}

// run

fanout::task<void> program() {
  fmt::print("together {}\n", co_await together());
  fmt::print("settled {}\n", co_await settled());
  fmt::print("grouped {}\n", co_await grouped());
  fmt::print("impatient {}\n", co_await impatient());
  fmt::print("first {}\n", co_await first());
  fmt::print("in_order_of_completion {}\n", fmt::join(co_await in_order_of_completion(), " "));
  fmt::print("limited {}\n", co_await limited());
  fmt::print("handed_over {}\n", co_await handed_over());
  fmt::print("signalled {:d}\n", co_await signalled());
  fmt::print("beside_the_loop {}\n", co_await beside_the_loop());
  fmt::print("collected {}\n", fmt::join(co_await collected(), " "));
  fmt::print("greeting {}\n", co_await greeting());
}

int main() {
  fanout::sync_wait(program());
}
