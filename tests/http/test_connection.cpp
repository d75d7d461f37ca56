// The bytes of one plain connection. Those of TLS are in test_tls_session.cpp.
#include "http/pool/connection.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>

namespace {

using namespace fanout::http;

class connection_test : public testing::Test {
 protected:
  connection_test() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    peer_ = fanout::detail::owned_descriptor(ends[1]);
    on_ = std::make_unique<connection>(polled_socket(sockets_, fanout::detail::owned_descriptor(ends[0])));
  }
  void peer_sends(std::string_view bytes) {
    ASSERT_EQ(::send(peer_.value(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }

  boost::asio::io_context loop_{1};
  poller sockets_{loop_};
  fanout::detail::owned_descriptor peer_;
  std::unique_ptr<connection> on_;
  std::array<char, 16> buffer_{};
};

TEST_F(connection_test, reads_what_is_there_and_says_when_there_is_nothing) {
  EXPECT_EQ(on_->read_some(buffer_).state, io_state::want_read);
  peer_sends("hello");
  const io_result result = on_->read_some(buffer_);
  EXPECT_EQ(result.state, io_state::done);
  EXPECT_EQ(std::string_view(buffer_.data(), result.bytes), "hello");
  peer_.reset();
  EXPECT_EQ(on_->read_some(buffer_).state, io_state::end);
}

TEST_F(connection_test, writes_until_the_peer_takes_no_more) {
  const std::string much(1 << 16, 'x');
  io_result result{io_state::done};
  std::size_t sent = 0;
  while (result.state == io_state::done) sent += (result = on_->write_some(much)).bytes;
  EXPECT_EQ(result.state, io_state::want_write);
  EXPECT_GT(sent, 0u);
}

TEST_F(connection_test, a_peer_that_is_gone_is_a_failure_and_no_signal) {
  peer_.reset();
  const io_result result = on_->write_some("x");
  EXPECT_EQ(result.state, io_state::failed);
  EXPECT_EQ(result.error, EPIPE);
}

TEST_F(connection_test, is_quiet_unless_the_peer_closed_or_sent_something) {
  EXPECT_TRUE(on_->is_quiet());
  peer_sends("x");
  EXPECT_FALSE(on_->is_quiet());
  EXPECT_EQ(on_->read_some(buffer_).bytes, 1u) << "it only looked";
  EXPECT_TRUE(on_->is_quiet());
  peer_.reset();
  EXPECT_FALSE(on_->is_quiet());
}

}  // namespace
