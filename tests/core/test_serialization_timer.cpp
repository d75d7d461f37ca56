#include <fanout/core/detail/serialization_timer.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>

namespace fanout::detail {
namespace {

void take(std::chrono::microseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < until) continue;
}

TEST(serialization_timer, calls_each_and_answers_for_all_from_a_sample) {
  serialization_timer timer;
  std::uint32_t called = 0;
  for (std::uint32_t i = 0; i < 128; ++i)
    timer.of(i, [&] {
      ++called;
      take(std::chrono::microseconds(50));
    });
  EXPECT_EQ(called, 128U);
  EXPECT_GE(timer.of_all(128), std::chrono::microseconds(128 * 45));
}

TEST(serialization_timer, of_nothing_is_nothing) {
  EXPECT_EQ(serialization_timer().of_all(100).count(), 0);
}

TEST(serialization_timer, does_not_count_what_throws) {
  serialization_timer timer;
  EXPECT_THROW(timer.of(0, [] { throw std::runtime_error("no"); }), std::runtime_error);
  EXPECT_EQ(timer.of_all(1).count(), 0);
}

}  // namespace
}  // namespace fanout::detail
