// A worker's channel that is checked out for calls of one thread, over a socketpair without a process; and the set of
// those that are idle.

#include <fanout/fanout.hpp>

#include "process/channel/direct_call_channel.hpp"
#include "support/leaks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/socket.h>

#include <array>
#include <string>
#include <string_view>

namespace direct_call_channel_tests {

using namespace fanout;
using namespace fanout::detail;
using answer = direct_call_channel::answer;

std::string result_of(std::uint64_t ordinal, std::string_view value, bool ok = true) {
  std::string bytes;
  frame_writer frame(bytes, frame_type::results);
  append_raw(
      bytes,
      results_header{
          .first_ordinal = ordinal, .count = 1, .each = static_cast<std::uint32_t>(value.size()), .ok = ok ? 1U : 0U});
  bytes += value;
  frame.close();
  return bytes;
}

class direct_channel : public test::leak_checked {
 protected:
  void SetUp() override {
    leak_checked::SetUp();
    std::array<int, 2> pair{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    wire.open(owned_descriptor(pair[0]));
    wire.set_blocking(direct_call_channel::patience);
    theirs = owned_descriptor(pair[1]);
  }
  void TearDown() override {
    wire.close();
    theirs.reset();
    leak_checked::TearDown();
  }
  void peer_sends(std::string_view bytes) {
    ASSERT_EQ(send(theirs.value(), bytes.data(), bytes.size(), MSG_NOSIGNAL), std::ssize(bytes));
  }
  std::optional<frame_reader::frame> peer_reads() {
    const auto room = reader.room(1 << 16);
    const auto got = recv(theirs.value(), room.data(), room.size(), MSG_DONTWAIT);
    if (got > 0) reader.added(static_cast<std::size_t>(got));
    return reader.next();
  }

  worker_channel wire{owned_descriptor()};
  owned_descriptor theirs;
  frame_reader reader;
  std::string result;
};

TEST_F(direct_channel, sends_a_call_and_takes_its_answer) {
  direct_call_channel calls(0, wire, 7, {});
  peer_sends(result_of(7, "seven"));
  EXPECT_EQ(calls.call({3, {}}, "argument", result), answer::value);
  EXPECT_EQ(result, "seven");
  const auto frame = peer_reads();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, frame_type::tasks);
  std::string_view payload = frame->payload;
  const auto tasks = take_raw<tasks_frame>(payload);
  ASSERT_TRUE(tasks);
  EXPECT_EQ(tasks->first_ordinal, 7u);
  EXPECT_EQ(tasks->function, 3u);
  EXPECT_EQ(payload, "argument");
  EXPECT_EQ(calls.next_ordinal(), 8u);
  EXPECT_EQ(calls.tasks(), 1u);

  peer_sends(result_of(8, "why", false));
  EXPECT_EQ(calls.call({3, {}}, "again", result), answer::failure);
  EXPECT_EQ(result, "why");
}

TEST_F(direct_channel, tells_of_a_function_in_front_of_the_call) {
  direct_call_channel calls(0, wire, 0, {});
  EXPECT_FALSE(calls.knows(4));
  calls.tell_of(4, {"name", "context"});
  EXPECT_TRUE(calls.knows(4));
  EXPECT_FALSE(peer_reads()) << "not before the call";
  peer_sends(result_of(0, ""));
  EXPECT_EQ(calls.call({4, {}}, "", result), answer::value);
  const auto frame = peer_reads();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, frame_type::function);
  const auto call = peer_reads();
  ASSERT_TRUE(call);
  EXPECT_EQ(call->type, frame_type::tasks);
  EXPECT_EQ(calls.take_unsent(), "");
}

TEST_F(direct_channel, that_made_no_call_hands_on_what_it_was_to_tell) {
  direct_call_channel calls(0, wire, 0, {});
  calls.tell_of(4, {"name", "context"});
  EXPECT_NE(calls.take_unsent(), "");
}

TEST_F(direct_channel, leaves_to_the_supervisor_what_has_no_answer_in_time) {
  direct_call_channel calls(0, wire, 0, {});
  EXPECT_EQ(calls.call({1, {}}, "x", result), answer::none);
  EXPECT_TRUE(wire.all_sent());
  EXPECT_EQ(calls.next_ordinal(), 0u) << "the task is under way";
}

TEST_F(direct_channel, leaves_to_the_supervisor_what_is_no_answer) {
  for (const std::string& bytes : {result_of(1, "of another task"), std::string(64, '\xff')}) {
    SCOPED_TRACE(testing::PrintToString(bytes));
    std::array<int, 2> pair{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    worker_channel other{owned_descriptor(pair[0])};
    theirs = owned_descriptor(pair[1]);
    other.set_blocking(direct_call_channel::patience);
    direct_call_channel calls(0, other, 0, {});
    peer_sends(bytes);
    EXPECT_EQ(calls.call({1, {}}, "x", result), answer::none);
    EXPECT_FALSE(other.frames().empty()) << "the supervisor reads it";
    EXPECT_EQ(calls.tasks(), 0u);
  }
}

TEST_F(direct_channel, leaves_to_the_supervisor_a_call_that_was_sent_in_part) {
  direct_call_channel calls(0, wire, 0, {});
  const std::string large(8 << 20, 'x');
  EXPECT_EQ(calls.call({1, {}}, large, result), answer::none);
  EXPECT_FALSE(wire.all_sent());
}

TEST_F(direct_channel, leaves_to_the_supervisor_a_worker_that_is_gone) {
  direct_call_channel calls(0, wire, 0, {});
  theirs.reset();
  EXPECT_EQ(calls.call({1, {}}, "x", result), answer::none);
  EXPECT_EQ(wire.receive(), worker_channel::input::ended);
}

// A worker that died while a caller had it: what comes back must not wait among the idle ones for a supervisor that is
// ending.
TEST(direct_call_channels, one_that_is_asked_for_while_in_use_does_not_become_idle) {
  worker_channel wire{owned_descriptor()};
  direct_call_channel channel(0, wire, 0, {});
  direct_call_channels channels;
  channels.reserve(1);
  channels.offer(channel);
  ASSERT_EQ(channels.check_out(), &channel);
  EXPECT_FALSE(channels.reclaim(channel)) << "it is in use";
  EXPECT_FALSE(channels.check_in(channel)) << "its supervisor wants it";
  EXPECT_EQ(channels.check_out(), nullptr);
}

TEST(direct_call_channels, one_that_is_abandoned_can_be_reclaimed) {
  worker_channel wire{owned_descriptor()};
  direct_call_channel channel(0, wire, 0, {});
  direct_call_channels channels;
  channels.reserve(1);
  channels.offer(channel);
  ASSERT_EQ(channels.check_out(), &channel);
  channels.abandon(channel);
  EXPECT_TRUE(channels.reclaim(channel));
  EXPECT_EQ(channels.check_out(), nullptr);
}

}  // namespace direct_call_channel_tests
