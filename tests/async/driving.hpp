#pragma once

#include <fanout/async/sleep.hpp>
#include <fanout/base/task.hpp>

#include "support/every_step.hpp"
#include "support/run_to_end.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <concepts>
#include <memory>

/// Coroutines that count what becomes of them, and what they leave behind when disturbed at each of their steps.
namespace fanout::test {

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

/// A scenario of one coroutine that counts what it begins: whatever is done to it, all of that must have ended with it.
template <class Work>
auto counted_scenario(Work work) {
  return [work] {
    const auto seen = std::make_shared<census>();
    scenario all;
    all.subject.emplace(work(*seen));
    all.on_end = [seen](ending) { EXPECT_EQ(seen->alive, 0) << "a child outlived it"; };
    all.check = [seen](ending how) {
      EXPECT_EQ(seen->alive, 0) << "a coroutine was leaked";
      if (how != ending::destroyed) {
        EXPECT_EQ(seen->completed + seen->cancelled, seen->begun);
      }
    };
    return all;
  };
}

/// Cancels `work(census&)` at every step, as `cancel_at_every_step` does with a scenario.
template <class Work>
  requires std::invocable<Work, census&>
void cancel_at_every_step(Work work) {
  EXPECT_GT(cancel_at_every_step(counted_scenario(work)), 2U) << "the scenario has hardly a step";
}

/// The same, but its loop is destroyed at each step.
template <class Work>
  requires std::invocable<Work, census&>
void destroy_at_every_step(Work work) {
  EXPECT_GT(destroy_at_every_step(counted_scenario(work)), 2U) << "the scenario has hardly a step";
}

}  // namespace fanout::test
