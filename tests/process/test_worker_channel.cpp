// The parent's end of the connection to a worker, over a socketpair without a process.

#include <fanout/fanout.hpp>

#include "process/channel/worker_channel.hpp"
#include "support/leaks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/socket.h>

#include <array>
#include <numeric>
#include <string>
#include <string_view>
#include <thread>

namespace worker_channels {

using namespace fanout;
using namespace fanout::detail;
using namespace std::chrono_literals;
using input = worker_channel::input;
using sending = worker_channel::sending;

std::string framed(std::string_view payload, frame_type type = frame_type::results) {
  std::string bytes;
  frame_writer frame(bytes, type);
  bytes += payload;
  frame.close();
  return bytes;
}

std::string many_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  std::iota(bytes.begin(), bytes.end(), '\0');
  return bytes;
}

class channel : public test::leak_checked {
 protected:
  void SetUp() override {
    leak_checked::SetUp();
    std::array<int, 2> pair{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()), 0);
    ours.open(owned_descriptor(pair[0]));
    theirs = owned_descriptor(pair[1]);
  }
  void TearDown() override {
    ours.close();
    theirs.reset();
    leak_checked::TearDown();
  }
  void peer_sends(std::string_view bytes) {
    ASSERT_EQ(send(theirs.value(), bytes.data(), bytes.size(), MSG_NOSIGNAL), std::ssize(bytes));
  }
  /// What there is; `ended` when it is followed by the end.
  std::string peer_reads() {
    std::string all;
    std::string piece(1 << 20, '\0');
    for (;;) {
      const auto got = recv(theirs.value(), piece.data(), piece.size(), 0);
      ended = got == 0;
      if (got <= 0) return all;
      all.append(piece, 0, static_cast<std::size_t>(got));
    }
  }

  worker_channel ours{owned_descriptor()};
  owned_descriptor theirs;
  bool ended = false;
};

TEST_F(channel, carries_frames_both_ways_and_counts_their_bytes) {
  ours.add("one ");
  ours.add_owned("two");
  EXPECT_FALSE(ours.all_sent());
  EXPECT_EQ(ours.flush(), sending::written);
  EXPECT_TRUE(ours.all_sent());
  EXPECT_EQ(peer_reads(), "one two");
  EXPECT_EQ(ours.bytes_sent(), 7u);

  EXPECT_EQ(ours.receive(), input::none);
  const std::string bytes = framed("first") + framed("second");
  peer_sends(bytes.substr(0, bytes.size() - 1));
  EXPECT_EQ(ours.receive(), input::all);
  auto frame = ours.frames().next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->payload, "first");
  EXPECT_FALSE(ours.frames().next()) << "its last byte is missing";
  peer_sends(bytes.substr(bytes.size() - 1));
  EXPECT_EQ(ours.receive(), input::all);
  frame = ours.frames().next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->payload, "second");
  EXPECT_EQ(ours.bytes_received(), bytes.size());
}

TEST_F(channel, keeps_what_the_socket_does_not_take) {
  const std::string large = many_bytes(4 << 20);
  ours.add("head");
  ours.add_borrowed(large, 5);
  ours.add("tail");
  std::string got;
  int blocked = 0;
  while (ours.flush() == sending::blocked) {
    ++blocked;
    EXPECT_FALSE(ours.all_sent());
    got += peer_reads();
  }
  got += peer_reads();
  EXPECT_GT(blocked, 0);
  EXPECT_EQ(got, "head" + large + "tail");
  EXPECT_EQ(ours.first_borrowed(), std::nullopt);
  EXPECT_EQ(ours.bytes_sent(), large.size() + 8);
}

TEST_F(channel, tells_the_first_borrowed_bytes_that_are_not_sent) {
  const std::string large = many_bytes(8 << 20);
  ours.add_borrowed(large, 5);
  ours.add_borrowed(large, 9);
  EXPECT_EQ(ours.first_borrowed(), 5u);
  std::string got;
  bool second = false;
  while (ours.flush() == sending::blocked) {
    second |= ours.first_borrowed() == 9u;
    got += peer_reads();
  }
  EXPECT_TRUE(second);
  EXPECT_EQ(got + peer_reads(), large + large);
}

TEST_F(channel, closes_its_sending_side_behind_the_last_byte) {
  const std::string large = many_bytes(4 << 20);
  ours.add_borrowed(large, 0);
  ours.finish_sending();
  std::string got;
  while (ours.flush() == sending::blocked) {
    got += peer_reads();
    EXPECT_FALSE(ended) << "before all of it was sent";
  }
  got += peer_reads();
  EXPECT_EQ(got.size(), large.size());
  EXPECT_TRUE(ended);
  peer_sends(framed("still heard"));
  EXPECT_EQ(ours.receive(), input::all);
}

TEST_F(channel, without_anything_to_send_closes_its_sending_side_at_once) {
  ours.finish_sending();
  EXPECT_EQ(ours.flush(), sending::written);
  peer_reads();
  EXPECT_TRUE(ended);
}

TEST_F(channel, receives_what_the_peer_sent_before_it_ended) {
  peer_sends(framed("last words"));
  theirs.reset();
  EXPECT_EQ(ours.receive(), input::all);
  const auto frame = ours.frames().next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->payload, "last words");
  EXPECT_EQ(ours.receive(), input::ended);
  EXPECT_EQ(ours.receive(), input::ended) << "for good";
}

TEST_F(channel, drops_what_a_peer_that_is_gone_does_not_take) {
  ours.add("unheard");
  theirs.reset();
  EXPECT_EQ(ours.flush(), sending::broken) << "and no signal comes";
  EXPECT_TRUE(ours.all_sent());
  EXPECT_EQ(ours.bytes_sent(), 0u);
  EXPECT_EQ(ours.receive(), input::ended);
}

TEST_F(channel, of_a_peer_that_went_with_bytes_unread_ends) {
  ours.add("unread");
  EXPECT_EQ(ours.flush(), sending::written);
  theirs.reset();  // Linux says "connection reset" then
  EXPECT_EQ(ours.receive(), input::ended);
}

TEST_F(channel, hears_of_a_peer_that_only_stopped_sending) {
  shutdown(theirs.value(), SHUT_WR);
  EXPECT_EQ(ours.receive(), input::ended);
  ours.add("it may listen");
  EXPECT_EQ(ours.flush(), sending::written);
  EXPECT_EQ(peer_reads(), "it may listen");
}

TEST_F(channel, that_hangs_up_ends_both_ways) {
  ours.hang_up();
  peer_reads();
  EXPECT_TRUE(ended);
  EXPECT_EQ(ours.receive(), input::ended);
}

TEST_F(channel, refuses_bytes_that_are_no_frame) {
  peer_sends(std::string(64, '\xff'));
  EXPECT_EQ(ours.receive(), input::all);
  EXPECT_THROW(ours.frames().next(), error);
}

TEST_F(channel, waits_for_as_long_as_it_was_told_and_for_the_peer) {
  ours.set_blocking(1ms);
  EXPECT_EQ(ours.wait_and_receive(), input::none);
  ours.set_blocking(60s);
  std::thread peer([&] { peer_sends(framed("now")); });
  EXPECT_EQ(ours.wait_and_receive(), input::all);
  peer.join();
  const auto frame = ours.frames().next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->payload, "now");
  std::thread end([&] { shutdown(theirs.value(), SHUT_WR); });
  EXPECT_EQ(ours.wait_and_receive(), input::ended);
  end.join();
  EXPECT_EQ(ours.receive(), input::ended);
}

TEST_F(channel, that_blocks_does_not_wait_where_it_need_not) {
  ours.set_blocking(60s);
  EXPECT_EQ(ours.receive(), input::none);
  const std::string large = many_bytes(4 << 20);
  ours.add_borrowed(large, 0);
  EXPECT_EQ(ours.flush(), sending::blocked);
}

TEST_F(channel, that_was_closed_has_ended) {
  EXPECT_TRUE(ours.is_open());
  ours.close();
  EXPECT_FALSE(ours.is_open());
  EXPECT_EQ(ours.receive(), input::ended);
  ours.add("nowhere");
  EXPECT_EQ(ours.flush(), sending::broken);
  peer_reads();
  EXPECT_TRUE(ended);
}

}  // namespace worker_channels
