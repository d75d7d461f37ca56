// Failures whose message may not find memory.

#include "process/supervisor/worded.hpp"

#include <gtest/gtest.h>

#include <new>
#include <string>

namespace worded_failures {

using namespace fanout;
using detail::worded;

TEST(worded, has_the_message) {
  const failure told = worded(failure_kind::timeout, [] { return std::string("too late"); });
  EXPECT_EQ(told.kind, failure_kind::timeout);
  EXPECT_EQ(told.message, "too late");
}

TEST(worded, without_memory_for_the_message_has_its_kind) {
  const failure told = worded(failure_kind::worker_died, []() -> std::string { throw std::bad_alloc(); });
  EXPECT_EQ(told.kind, failure_kind::worker_died);
  EXPECT_EQ(told.message, "");
}

}  // namespace worded_failures
