// A pool whose thread gets no memory for what is large, at any point of a value's way there and back: each input has
// exactly one outcome all the same, and the pool goes on.

#include <fanout/fanout.hpp>

#include "support/failing_calls.hpp"
#include "support/leaks.hpp"
#include "support/sanitized.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <ranges>
#include <string>
#include <thread>
#include <vector>

namespace no_memory {

using namespace fanout;
using namespace std::chrono_literals;
using test::failing_allocation;

constexpr std::size_t least_bytes = 30'000;

std::string echo(std::string text) {
  return text;
}

/// By the size of a value: they travel copied into a frame, or from where they are.
class no_memory : public test::leak_checked, public testing::WithParamInterface<std::size_t> {
 protected:
  void SetUp() override {
    test::leak_checked::SetUp();
    if (test::sanitized) GTEST_SKIP() << "a sanitizer has its own allocator";
  }
};

INSTANTIATE_TEST_SUITE_P(for_bytes, no_memory, testing::Values(50'000, 200'000));

void expect_said(const failure& reason) {
  EXPECT_THAT(reason.kind, testing::AnyOf(failure_kind::worker_died, failure_kind::too_large)) << reason.message;
  EXPECT_THAT(reason.message, testing::AnyOf(testing::HasSubstr("bad_alloc"), testing::HasSubstr("no memory")));
}

TEST_P(no_memory, ends_a_call_with_the_reason) {
  const std::string text(GetParam(), 'x');
  int ended = 0;
  for (int succeeding = 0;; ++succeeding) {
    process_pool pool({.processes = 1});  // has no buffers of that size yet
    const failing_allocation fails(least_bytes, succeeding);
    try {
      EXPECT_EQ(pool.submit(remote<echo>, text).get(), text);
    } catch (const error& thrown) {
      expect_said(thrown.failure());
      ++ended;
    }
    if (!fails.failed()) break;
    EXPECT_EQ(pool.submit(remote<echo>, text).get(), text);
  }
  EXPECT_GE(ended, 1);
}

TEST_P(no_memory, loses_no_input_of_a_run) {
  const std::vector<std::string> inputs(12, std::string(GetParam(), 'x'));
  process_pool pool({.processes = 2});
  options how;
  how.on_error = on_error::collect;
  int ended = 0;
  for (int succeeding = 0; succeeding < 40; ++succeeding) {
    const failing_allocation fails(least_bytes, succeeding);
    std::vector<int> seen(inputs.size());
    pool.for_each_completed(
        remote<echo>, inputs,
        [&](const outcome<std::string>& out) {
          ++seen.at(out.index);
          if (out.ok()) return;
          expect_said(out.error());
          ++ended;
        },
        how);
    EXPECT_THAT(seen, testing::Each(1));
    if (!fails.failed()) break;
  }
  EXPECT_GE(ended, 2);
}

int twice(int x) {
  return 2 * x;
}
int twice_or_die(int x) {
  if (x == 3) kill(getpid(), SIGKILL);
  return 2 * x;
}

/// Every allocation in its turn, of whatever size, on the pool's own thread: where a worker is started, spoken to, dies
/// and is replaced.
class no_memory_at_all : public test::leak_checked {
 protected:
  void SetUp() override {
    test::leak_checked::SetUp();
    if (test::sanitized) GTEST_SKIP() << "a sanitizer has its own allocator";
  }
};

TEST_F(no_memory_at_all, at_any_allocation_ends_every_call) {
  const int stride = std::getenv("FANOUT_TEST_WHOLE_STORM") ? 1 : 3;
  int failures = 0;
  for (int succeeding = 0;; succeeding += stride) {
    SCOPED_TRACE(succeeding);
    process_pool pool({.processes = 2, .workers = {.retries = 1}});
    bool happened = false;
    {
      std::vector<process_future<int>> all;
      all.reserve(12);
      const failing_allocation fails(1, succeeding);
      for (int x = 0; x < 12; ++x) all.push_back(pool.submit(remote<twice_or_die>, x));
      for (int x = 0; x < 12; ++x) {
        const auto& each = all[static_cast<std::size_t>(x)];
        ASSERT_TRUE(each.wait_for(60s)) << "task " << x << " has no outcome";
        try {
          EXPECT_EQ(each.get(), 2 * x);
        } catch (const error& thrown) {
          if (x != 3) ++failures;
          EXPECT_THAT(thrown.kind(), testing::AnyOf(failure_kind::worker_died, failure_kind::too_large,
                                                    failure_kind::cannot_start, failure_kind::task_failed))
              << thrown.what();
        } catch (const std::bad_alloc&) {  // on this thread: the submission itself
        }
      }
      happened = fails.failed();
    }
    if (!happened) break;
    EXPECT_EQ(pool.submit(remote<twice>, 5).get(), 10) << "the pool goes on";
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GE(failures, 3);
}

/// Some calls take longer than a caller is patient, and are given back to the pool's thread; one dies.
int twice_later_or_die(int x) {
  if (x == 9) std::this_thread::sleep_for(8ms);
  if (x == 14) kill(getpid(), SIGKILL);
  return 2 * x;
}

TEST_F(no_memory_at_all, at_any_allocation_ends_every_call_on_the_calling_thread) {
  const int stride = std::getenv("FANOUT_TEST_WHOLE_STORM") ? 1 : 5;
  for (int succeeding = 0;; succeeding += stride) {
    SCOPED_TRACE(succeeding);
    process_pool pool({.processes = 2, .task_timeout = 20s});
    const failing_allocation fails(1, succeeding);
    for (int x = 0; x < 18; ++x) try {
        EXPECT_EQ(pool.call(remote<twice_later_or_die>, x), 2 * x);
      } catch (const error& thrown) {
        EXPECT_THAT(thrown.kind(), testing::AnyOf(failure_kind::worker_died, failure_kind::too_large,
                                                  failure_kind::cannot_start, failure_kind::task_failed))
            << thrown.what();
      }
    ASSERT_FALSE(HasFailure());
    if (!fails.failed()) break;
    pool.close();
  }
}

TEST_F(no_memory_at_all, at_any_allocation_gives_each_input_of_a_run_one_outcome) {
  const int stride = std::getenv("FANOUT_TEST_WHOLE_STORM") ? 1 : 3;
  options how;
  how.on_error = on_error::collect;
  int failed = 0;
  for (int succeeding = 0;; succeeding += stride) {
    SCOPED_TRACE(succeeding);
    process_pool pool({.processes = 4, .task_timeout = 20s, .workers = {.retries = 1}});
    pool.call(remote<twice>, 1);  // a worker is there, and idle
    const failing_allocation fails(1, succeeding);
    std::vector<int> seen(12);
    pool.for_each_completed(
        remote<twice_or_die>, std::views::iota(0, 12), [&](const outcome<int>& out) { ++seen.at(out.index); }, how);
    EXPECT_THAT(seen, testing::Each(1));
    ASSERT_FALSE(HasFailure());
    if (!fails.failed()) break;
    ++failed;
  }
  EXPECT_GE(failed, 5);
}

}  // namespace no_memory
