#include <fanout/async/sync_wait.hpp>
#include <fanout/async/thread_executor.hpp>
#include <fanout/async/to_thread.hpp>

#include "support/leaks.hpp"
#include "support/sanitized.hpp"

#include <gtest/gtest.h>

#include <sanitizer/common_interface_defs.h>

#include <array>

namespace {

using namespace fanout;

struct leak_checks : test::leak_checked {};

TEST_F(leak_checks, do_not_count_what_a_sanitizer_starts_to_name_a_function) {
  if constexpr (test::sanitized) {
    std::array<char, 200> name{};
    __sanitizer_symbolize_pc(__builtin_return_address(0), "%f", name.data(), name.size());
    EXPECT_STRNE(name.data(), "");
    EXPECT_EQ(test::children(true).size(), 1U) << "no symbolizer was started: this test shows nothing";
  } else {
    GTEST_SKIP() << "this build has no sanitizer";
  }
}

TEST_F(leak_checks, do_not_count_the_threads_of_blocking_calls) {
  const std::size_t before = test::live_threads();
  EXPECT_EQ(sync_wait(to_thread([] { return 7; })), 7);
  EXPECT_EQ(test::live_threads(), before + 1) << "no thread was started: this test shows nothing";
}

}  // namespace
