// Messages over a pair of pipes, and what is no message.

#include <fanout/base/failure.hpp>

#include "process/node/message_pipe.hpp"
#include "support/leaks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace message_pipes {

using fanout::error;
using fanout::detail::message_pipe;
using fanout::detail::owned_descriptor;

std::array<owned_descriptor, 2> make_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  return {owned_descriptor(ends[0]), owned_descriptor(ends[1])};
}

class message_pipe_ends : public fanout::test::leak_checked {};

TEST_F(message_pipe_ends, messages_keep_their_ends_and_their_order) {
  auto [in, out] = make_pipe();
  auto [back_in, back_out] = make_pipe();
  message_pipe one(std::move(back_in), std::move(out));
  message_pipe other(std::move(in), std::move(back_out));
  const std::string large(40 << 20, 'x');
  one.send("");
  one.send("a");
  one.send(large);  // the pipe takes 64 KiB of it, and nobody waits
  one.send("b");
  one.end();
  one.send("after the end");
  EXPECT_EQ(other.receive(), "");
  EXPECT_EQ(other.receive(), "a");
  EXPECT_EQ(other.receive(), large);
  EXPECT_EQ(other.receive(), "b");
  EXPECT_EQ(other.receive(), std::nullopt);
  one.wait_sent();
}

TEST_F(message_pipe_ends, the_end_of_the_reader_is_no_signal) {
  auto [in, out] = make_pipe();
  auto [back_in, back_out] = make_pipe();
  message_pipe one(std::move(back_in), std::move(out));
  in.reset();
  one.send(std::string(1 << 20, 'x'));
  one.end();
  one.wait_sent();
}

TEST_F(message_pipe_ends, stop_ends_a_wait) {
  auto [in, out] = make_pipe();
  auto [back_in, back_out] = make_pipe();
  message_pipe one(std::move(back_in), std::move(out));
  one.send(std::string(1 << 20, 'x'));  // which nobody reads
  std::jthread stopper([&] { one.stop(); });
  EXPECT_EQ(one.receive(), std::nullopt);
}

/// What `receive` throws for these bytes, and their end.
std::string thrown_for(std::string_view bytes) {
  auto [in, out] = make_pipe();
  auto [back_in, back_out] = make_pipe();
  EXPECT_EQ(write(out.value(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  out.reset();
  message_pipe pipe(std::move(in), std::move(back_out));
  try {
    while (pipe.receive()) {
    }
  } catch (const error& why) {
    EXPECT_EQ(why.kind(), fanout::failure_kind::protocol);
    return why.what();
  }
  return {};
}

TEST_F(message_pipe_ends, what_is_no_message_is_said_so) {
  const std::string length("\5\0\0\0\0\0\0\0", 8);
  EXPECT_EQ(thrown_for(""), "");
  EXPECT_EQ(thrown_for(length + "whole"), "");
  for (std::size_t cut = 1; cut < length.size() + 5; ++cut)
    EXPECT_THAT(thrown_for((length + "whole").substr(0, cut)), testing::HasSubstr("middle of a message")) << cut;
  EXPECT_THAT(thrown_for(std::string(8, '\xFF')), testing::HasSubstr("no message"));
  EXPECT_THAT(thrown_for(std::string("\0\0\0\x40\0\0\0\0", 8) + "a"), testing::HasSubstr("middle of a message"))
      << "a gigabyte is not set aside for it";
}

}  // namespace message_pipes
