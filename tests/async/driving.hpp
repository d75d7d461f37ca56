#pragma once

#include <fanout/async/sleep.hpp>
#include <fanout/base/task.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <string>
#include <utility>

/// Coroutines that are run, cancelled and destroyed at each of their steps.
namespace fanout::test {

/// Runs `work` to its end on a loop of this thread; throws what it throws.
template <class T>
T run_to_end(task<T> work) {
  asio::io_context loop;
  auto result = asio::co_spawn(loop, std::move(work), asio::use_future);
  loop.run();
  return result.get();
}

/// What became of the coroutines of a scenario.
struct census {
  int begun = 0;
  int completed = 0;
  int cancelled = 0;
  int alive = 0;
};

/// Counts a coroutine's frame as alive; place it first in the body.
class alive {
 public:
  explicit alive(census& seen) : seen_(seen) {
    ++seen_.begun;
    ++seen_.alive;
  }
  alive(const alive&) = delete;
  alive& operator=(const alive&) = delete;
  ~alive() { --seen_.alive; }

 private:
  census& seen_;
};

/// Suspends `steps` times.
inline task<void> counted_steps(census& seen, int steps) {
  const alive here(seen);
  try {
    for (int i = 0; i < steps; ++i) {
      task<void> turn = yield();
      co_await std::move(turn);
    }
  } catch (const boost::system::system_error& stopped) {
    if (stopped.code() == asio::error::operation_aborted) ++seen.cancelled;
    throw;
  }
  ++seen.completed;
}

/// Sleeps until it is cancelled.
inline task<void> counted_sleep(census& seen) {
  const alive here(seen);
  try {
    task<void> rest = sleep(std::chrono::hours(1));
    co_await std::move(rest);
  } catch (const boost::system::system_error& stopped) {
    if (stopped.code() == asio::error::operation_aborted) ++seen.cancelled;
    throw;
  }
  ++seen.completed;
}

/// Runs `scenario(census&)` again and again, cancelled after 0, 1, 2, … handlers of its loop, until it ends by itself
/// before that. It must end each time, with all that it began; if its value does not come, then its cancellation does.
/// (Nothing is cancelled before it has begun: Asio forgets such a coroutine.)
template <class Scenario>
void cancel_at_every_step(Scenario scenario) {
  for (std::size_t step = 0;; ++step) {
    SCOPED_TRACE("cancelled after " + std::to_string(step) + " handlers");
    census seen;
    asio::io_context loop;
    asio::cancellation_signal stop;
    int ended = 0;
    std::exception_ptr failed;
    asio::post(loop, [&] {  // on the loop, where a coroutine begins at once
      asio::co_spawn(loop, scenario(seen), asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr thrown) {
                       ++ended;
                       failed = thrown;
                     }));
    });
    std::size_t done = loop.poll_one();
    while (done <= step && loop.run_one() > 0) ++done;
    const bool undisturbed = ended > 0;
    if (!undisturbed) stop.emit(asio::cancellation_type::terminal);
    loop.run();
    ASSERT_EQ(ended, 1) << "it must end, and once";
    EXPECT_EQ(seen.alive, 0) << "a child outlived it";
    if (undisturbed) {
      EXPECT_EQ(failed, nullptr);
      EXPECT_EQ(seen.completed, seen.begun);
      EXPECT_GT(step, 2U) << "the scenario has hardly a step";
      return;
    }
    EXPECT_EQ(seen.completed + seen.cancelled, seen.begun);
    try {
      if (failed) std::rethrow_exception(failed);
    } catch (const boost::system::system_error& thrown) {
      EXPECT_EQ(thrown.code(), asio::error::operation_aborted);
    }
  }
}

/// The same, but its loop is destroyed at each step.
template <class Scenario>
void destroy_at_every_step(Scenario scenario) {
  for (std::size_t step = 0;; ++step) {
    SCOPED_TRACE("destroyed after " + std::to_string(step) + " handlers");
    census seen;
    bool ended = false;
    {
      asio::io_context loop;
      asio::co_spawn(loop, scenario(seen), [&](std::exception_ptr) { ended = true; });
      for (std::size_t done = 0; done <= step && loop.run_one() > 0;) ++done;
    }
    EXPECT_EQ(seen.alive, 0) << "a coroutine was leaked";
    if (ended) return;
  }
}

}  // namespace fanout::test
