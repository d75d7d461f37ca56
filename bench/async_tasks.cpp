// What coroutines that run together cost, each beside the same thing written by hand on plain Asio.
//
//     bench_async_tasks [COUNT]        COUNT children or timers, 1,000,000 by default
//
// One line a figure: name, ours, plain Asio, ratio. The two take turns, and the best of three rounds counts.

#include <fanout/async/async.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

constexpr std::size_t slice = 1'000;
constexpr int rounds = 3;

task<int> trivial(int x) {
  co_return x;
}

/// By hand: children that can be cancelled, counted as they end; the last one resumes the parent through a timer.
struct plain_join {
  plain_join(const asio::any_io_executor& executor, std::size_t children)
      : running(children), signals(std::make_unique<asio::cancellation_signal[]>(children)), done(executor) {
    done.expires_at(clock_type::time_point::max());
  }
  void spawn(const asio::any_io_executor& executor, std::size_t child, task<int> work, int& place) {
    asio::co_spawn(executor, std::move(work),
                   asio::bind_cancellation_slot(signals[child].slot(), [this, &place](std::exception_ptr, int value) {
                     place = value;
                     if (--running == 0) done.cancel();
                   }));
  }
  task<void> wait() {
    boost::system::error_code ignored;
    auto end = done.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    co_await std::move(end);
  }

  std::size_t running;
  std::unique_ptr<asio::cancellation_signal[]> signals;
  asio::steady_timer done;
};

task<void> our_gather(std::size_t count) {
  for (std::size_t done = 0; done < count; done += slice) {
    std::vector<task<int>> children;
    children.reserve(slice);
    for (std::size_t i = 0; i < slice; ++i) children.push_back(trivial(static_cast<int>(i)));
    auto all = gather(std::move(children));
    const auto values = co_await std::move(all);
    if (values.back() != slice - 1) std::abort();
  }
}

task<void> plain_gather(std::size_t count) {
  const auto executor = co_await asio::this_coro::executor;
  for (std::size_t done = 0; done < count; done += slice) {
    std::vector<task<int>> children;
    children.reserve(slice);
    for (std::size_t i = 0; i < slice; ++i) children.push_back(trivial(static_cast<int>(i)));
    std::vector<int> values(slice);
    plain_join join(executor, slice);
    for (std::size_t i = 0; i < slice; ++i) join.spawn(executor, i, std::move(children[i]), values[i]);
    task<void> end = join.wait();
    co_await std::move(end);
    if (values.back() != slice - 1) std::abort();
  }
}

task<void> spawn_slice(task_group& group) {
  for (std::size_t i = 0; i < slice; ++i) group.spawn(trivial(static_cast<int>(i)));
  co_return;
}

task<void> our_groups(std::size_t count) {
  for (std::size_t done = 0; done < count; done += slice) {
    auto all = with_task_group(spawn_slice);
    co_await std::move(all);
  }
}

/// By hand: as above, but each child has a place of its own on the heap, for a handle to share.
struct plain_child {
  asio::cancellation_signal signal;
  int value = 0;
};

task<void> plain_groups(std::size_t count) {
  const auto executor = co_await asio::this_coro::executor;
  for (std::size_t done = 0; done < count; done += slice) {
    std::size_t running = slice;
    asio::steady_timer end(executor, clock_type::time_point::max());
    for (std::size_t i = 0; i < slice; ++i) {
      auto child = std::make_shared<plain_child>();
      const auto slot = child->signal.slot();
      asio::co_spawn(executor, trivial(static_cast<int>(i)),
                     asio::bind_cancellation_slot(slot, [child, &running, &end](std::exception_ptr, int value) {
                       child->value = value;
                       if (--running == 0) end.cancel();
                     }));
    }
    boost::system::error_code ignored;
    auto wait = end.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    co_await std::move(wait);
  }
}

/// A task that has to wait, so that its time limit is of use.
task<int> waiting(int x) {
  const auto executor = co_await asio::this_coro::executor;
  auto turn = asio::post(executor, asio::deferred);
  co_await std::move(turn);
  co_return x;
}

task<void> our_timeouts(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    auto limited = timeout(1h, waiting(1));
    co_await std::move(limited);
  }
}

/// By hand: the child is spawned with a signal that the timer emits; the parent is resumed when it has ended.
task<void> plain_timeouts(std::size_t count) {
  const auto executor = co_await asio::this_coro::executor;
  for (std::size_t i = 0; i < count; ++i) {
    asio::cancellation_signal stop;
    asio::steady_timer timer(executor, 1h);
    timer.async_wait([&stop](boost::system::error_code failed) {
      if (!failed) stop.emit(asio::cancellation_type::terminal);
    });
    auto child = asio::co_spawn(executor, waiting(1), asio::bind_cancellation_slot(stop.slot(), asio::use_awaitable));
    co_await std::move(child);
    timer.cancel();
  }
}

template <class Sleeper>
void set_and_cancel(std::size_t count, Sleeper sleeper) {
  asio::io_context loop;
  for (std::size_t done = 0; done < count; done += slice) {
    auto signals = std::make_unique<asio::cancellation_signal[]>(slice);
    asio::post(loop, [&] {
      for (std::size_t i = 0; i < slice; ++i)
        asio::co_spawn(loop, sleeper(), asio::bind_cancellation_slot(signals[i].slot(), [](std::exception_ptr) {}));
    });
    loop.restart();
    loop.poll();
    for (std::size_t i = 0; i < slice; ++i) signals[i].emit(asio::cancellation_type::terminal);
    loop.poll();
  }
}

task<void> our_sleep() {
  return sleep(1h);
}

task<void> plain_sleep() {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, 1h);
  auto wait = timer.async_wait(asio::use_awaitable);
  co_await std::move(wait);
}

void run(task<void> work) {
  asio::io_context loop;
  asio::co_spawn(loop, std::move(work), [](std::exception_ptr failed) {
    if (failed) std::rethrow_exception(failed);
  });
  loop.run();
}

template <class F>
double nanoseconds_each(std::size_t count, F f) {
  const auto started = clock_type::now();
  f();
  return std::chrono::duration<double, std::nano>(clock_type::now() - started).count() / static_cast<double>(count);
}

template <class Ours, class Plain>
void compare(const char* name, std::size_t count, Ours ours, Plain plain) {
  double best_ours = 1e300;
  double best_plain = 1e300;
  for (int round = 0; round < rounds; ++round) {
    best_ours = std::min(best_ours, nanoseconds_each(count, ours));
    best_plain = std::min(best_plain, nanoseconds_each(count, plain));
  }
  fmt::print("{:<44} {:>8.0f} ns {:>8.0f} ns {:>6.2f}\n", name, best_ours, best_plain, best_ours / best_plain);
}

/// Heap that each of `count` idle tasks takes, from the one in a gather.
task<void> gather_sleepers(std::size_t count) {
  std::vector<task<void>> children;
  children.reserve(count);
  for (std::size_t i = 0; i < count; ++i) children.push_back(our_sleep());
  auto all = gather(std::move(children));
  co_await std::move(all);
}

std::size_t heap_bytes() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

template <class Start>
double bytes_each(std::size_t count, Start start) {
  asio::io_context loop;
  const std::size_t before = heap_bytes();
  asio::post(loop, [&] { start(loop); });
  loop.poll();
  return static_cast<double>(heap_bytes() - before) / static_cast<double>(count);
}

void compare_memory(std::size_t count) {
  const double ours =
      bytes_each(count, [&](asio::io_context& loop) { asio::co_spawn(loop, gather_sleepers(count), asio::detached); });
  const double plain = bytes_each(count, [&](asio::io_context& loop) {
    for (std::size_t i = 0; i < count; ++i) asio::co_spawn(loop, plain_sleep(), asio::detached);
  });
  fmt::print("{:<44} {:>8.0f} B  {:>8.0f} B  {:>6.2f}\n", "memory of an idle sleeping task", ours, plain, ours / plain);
}

/// What a child asks of debugging in its life while that is off: to open its books, to mark what it waits for, to
/// close.
void debugging_while_off(std::size_t count) {
  asio::io_context loop;
  const asio::any_io_executor executor = loop.get_executor();
  double best = 1e300;
  for (int round = 0; round < rounds; ++round)
    best = std::min(best, nanoseconds_each(count, [&] {
                      for (std::size_t i = 0; i < count; ++i) {
                        detail::task_observation books;
                        if (books.begin({.name = "child", .index = i}, executor)) std::abort();
                        const detail::waiting_for mark("nothing");
                        asm volatile("" ::: "memory");  // each has to look for itself
                      }
                    }));
  fmt::print("{:<44} {:>8.2f} ns\n", "debugging, off: for each child", best);
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) / slice * slice : 1'000'000;
  if (count == 0) {
    fmt::print(stderr, "usage: bench_async_tasks [COUNT]   COUNT at least {}\n", slice);
    return 2;
  }
  fmt::print("{:<44} {:>11} {:>11} {:>6}\n", "", "ours", "plain Asio", "ratio");
  compare("gather of trivial coroutines", count, [&] { run(our_gather(count)); }, [&] { run(plain_gather(count)); });
  compare("spawn and join in a task group", count, [&] { run(our_groups(count)); }, [&] { run(plain_groups(count)); });
  compare("timeout, set and cancelled", count, [&] { run(our_timeouts(count)); }, [&] { run(plain_timeouts(count)); });
  compare(
      "sleep, cancelled by an exception", count / 10, [&] { set_and_cancel(count / 10, our_sleep); },
      [&] { set_and_cancel(count / 10, plain_sleep); });
  compare_memory(count);
  debugging_while_off(count);
  const double off = nanoseconds_each(count, [&] { run(our_gather(count)); });
  set_debug({.enabled = true});
  const double on = nanoseconds_each(count, [&] { run(our_gather(count)); });
  fmt::print("{:<44} {:>8.0f} ns {:>8.0f} ns {:>6.2f}   (on, off)\n", "gather with debugging", on, off, on / off);
}
