// A pool whose thread gets no memory for what is large, at any point of a value's way there and back: each input has
// exactly one outcome all the same, and the pool goes on.

#include <fanout/fanout.hpp>

#include "support/failing_calls.hpp"
#include "support/leaks.hpp"
#include "support/sanitized.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

namespace no_memory {

using namespace fanout;
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

}  // namespace no_memory
