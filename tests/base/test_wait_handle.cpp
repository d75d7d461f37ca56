#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/base/detail/wait_handle.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <system_error>

using namespace fanout;

namespace {

bool readable(int descriptor) {
  pollfd asked{descriptor, POLLIN, 0};
  return poll(&asked, 1, 0) == 1 && (asked.revents & POLLIN) != 0;
}

struct open_pipe {
  open_pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    read = detail::owned_descriptor(ends[0]);
    write = detail::owned_descriptor(ends[1]);
  }
  detail::owned_descriptor read;
  detail::owned_descriptor write;
};

}  // namespace

TEST(wait_handle, is_readable_while_the_descriptor_is) {
  const open_pipe pipe;
  asio::io_context loop;
  std::optional<asio::posix::stream_descriptor> handle;
  detail::open_wait_handle(handle, loop, pipe.read.value());
  EXPECT_NE(handle->native_handle(), pipe.read.value());
  EXPECT_FALSE(readable(handle->native_handle()));
  ASSERT_EQ(write(pipe.write.value(), "x", 1), 1);
  EXPECT_TRUE(readable(handle->native_handle()));
  EXPECT_TRUE(readable(handle->native_handle())) << "it is a level, not an edge";
  char taken = 0;
  ASSERT_EQ(read(pipe.read.value(), &taken, 1), 1);
  EXPECT_FALSE(readable(handle->native_handle()));
}

TEST(wait_handle, leaves_the_mode_of_the_open_file_alone) {
  const open_pipe pipe;
  asio::io_context loop;
  std::optional<asio::posix::stream_descriptor> handle;
  detail::open_wait_handle(handle, loop, pipe.read.value());
  ASSERT_EQ(fcntl(handle->native_handle(), F_SETFL, O_NONBLOCK), 0);  // what a loop does
  EXPECT_EQ(fcntl(pipe.read.value(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_EQ(fcntl(handle->native_handle(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST(wait_handle, of_what_cannot_be_waited_for_is_an_error) {
  const detail::owned_descriptor file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  try {
    asio::io_context loop;
    std::optional<asio::posix::stream_descriptor> handle;
    detail::open_wait_handle(handle, loop, file.value());
    FAIL() << "a regular file has no readiness";
  } catch (const std::system_error& refused) {
    EXPECT_EQ(refused.code(), std::errc::operation_not_permitted);
  }
}
