#include <fanout/base/detail/owned_descriptor.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>

#include <system_error>
#include <utility>

using namespace fanout;

namespace {

detail::owned_descriptor open_null() {
  return detail::owned_descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC));
}
bool is_open(int number) {
  return fcntl(number, F_GETFD) >= 0;
}

}  // namespace

TEST(owned_descriptor, closes_what_was_not_released) {
  int closed = -1;
  {
    const detail::owned_descriptor held = open_null();
    closed = held.value();
    EXPECT_TRUE(is_open(closed));
  }
  EXPECT_FALSE(is_open(closed));

  detail::owned_descriptor released = open_null();
  const detail::owned_descriptor again(released.release());
  EXPECT_FALSE(released);
  EXPECT_TRUE(is_open(again.value()));
}

TEST(owned_descriptor, moves_without_closing) {
  detail::owned_descriptor first = open_null();
  const int number = first.value();
  detail::owned_descriptor second = std::move(first);
  EXPECT_EQ(second.value(), number);
  EXPECT_TRUE(is_open(number));
  second.reset();
  EXPECT_FALSE(second);
  EXPECT_FALSE(is_open(number));
}

TEST(owned_descriptor, is_copied_above_a_number) {
  const detail::owned_descriptor held = open_null();
  const detail::owned_descriptor copy = detail::copied_above(held.value(), 100);
  EXPECT_GE(copy.value(), 100);
  EXPECT_EQ(fcntl(copy.value(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  EXPECT_THROW(detail::copied_above(-1, 3), std::system_error);
}
